"""How English words come from AMR's concepts: irregular forms, endings, and concepts that texts put otherwise.

From the training and validation sentences of the free AMR corpus, and from grammar. There is no dictionary: two words
are the same if cutting usual endings off each can give the same stem, which errs on the side of finding a concept said.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from datatuner.alignment.words import fold, listed

NEGATIVE_PREFIX = re.compile(r"^(?:un|in|im|ir|il|dis|non|mis)(?=\w{3})")
_WORD = re.compile(r"[^\W\d_]+?(?=n't\b)|[^\W\d_]+")

# Concepts that only build the graph: no words of their own.
UNSAID = frozenset(
    listed(
        """
        and amr-unknown amr-choice amr-unintelligible multi-sentence have-org-role-91 have-rel-role-91 have-quant-91
        have-degree-91 have-polarity-91 have-mod-91 have-ord-91 have-manner-91 have-purpose-91 have-part-91
        have-frequency-91 have-li-91 have-extent-91 have-instrument-91 be-located-at-91 be-temporally-at-91
        be-from-91 be-destined-for-91 be-polite-91 be-compared-to-91 rate-entity-91 include-91 publication-91
        request-confirmation-91 statistical-test-91 person thing name country city state organization company
        government-organization political-party world-region relative-position product-of sum-of between slash event
        """
    )
)
UNSAID_ENDS = ("-quantity", "-entity", "-interval")

IRREGULAR_VERBS = """
arise arose arisen | awake awoke | bear bore born borne | beat beaten | become became | begin began begun
bend bent | bind bound | bite bit bitten | bleed bled | blow blew blown | break broke broken | breed bred
bring brought | build built | burn burnt | buy bought | catch caught | choose chose chosen choice | cling clung
come came | creep crept | deal dealt | dig dug | do did done does | draw drew drawn | dream dreamt
drink drank drunk | drive drove driven | eat ate eaten | fall fell fallen | feed fed food | feel felt | fight fought
find found | flee fled flight | fling flung | fly flew flown flight | forbid forbade forbidden
forget forgot forgotten | forgive forgave forgiven | freeze froze frozen | get got gotten | give gave given gift
go went gone goes | grind ground | grow grew grown growth | hang hung | have has had having | hear heard
hide hid hidden | hold held | keep kept | kneel knelt | know knew known knowledge | lay laid | lead led | lean leant
leap leapt | learn learnt | leave left | lend lent loan | lie lay lain lying | light lit | lose lost loss
make made maker | mean meant | meet met | mistake mistook mistaken | pay paid | prove proven | ride rode ridden
ring rang rung | rise rose risen | run ran | say said | see saw seen sight | seek sought | sell sold sale
send sent | sew sewn | shake shook shaken | shine shone | shoot shot | show shown | shrink shrank shrunk
sing sang sung song | sink sank sunk | sit sat | sleep slept asleep | slide slid | speak spoke spoken speech
spend spent | spin spun | spring sprang sprung | stand stood | steal stole stolen | stick stuck | sting stung
strike struck stricken | strive strove | swear swore sworn | sweep swept | swell swollen | swim swam swum
swing swung | take took taken | teach taught | tear tore torn | tell told | think thought | throw threw thrown
understand understood | wake woke woken awake | wear wore worn | weave wove woven | weep wept | win won | wind wound
withdraw withdrew withdrawn | write wrote written
"""
IRREGULAR_OTHERS = """
good well better best | bad worse worst badly ill | far farther further farthest | little less least
much more most many | many more most much | old elder eldest | late later latest last | near next | man men
woman women | child children | foot feet | tooth teeth | mouse mice | goose geese | leaf leaves | wolf wolves
knife knives | life lives | wife wives | half halves | self selves | person people persons
i me my mine myself we us our | you your yours yourself yourselves thou thee thy | he him his himself
she her hers herself | it its itself | we us our ours ourselves | they them their theirs themselves | this these
that those | who whom whose | die dead death | live alive life | long length | strong strength | wide width
deep depth | high height | true truth | warm warmth | hot heat | poor poverty | proud pride | hungry hunger
angry anger | wise wisdom | free freedom | bored boredom | sure surely certain | heavy weight | decide decision
destroy destruction | explain explanation | produce product | receive receipt reception | conceive conception
describe description | permit permission | admit admission | perceive perception | believe belief | prove proof
choose choice | succeed success | respond response | intend intention intent | extend extent extension
defend defense | offend offense | persuade persuasion | conclude conclusion | divide division | invade invasion
expand expansion | compare comparison | complain complaint | arrive arrival | refuse refusal | approve approval
behave behavior behaviour | marry marriage | serve service | advise advice | please pleasure | press pressure
fail failure | depart departure | mix mixture | relate relative relation | absorb absorption | absent absence
silent silence | patient patience | important importance | different difference | distant distance
evident evidence | attack assault | own owner property | thirst thirsty | conceit conceited vain
judge judgment justice | contradict contradiction | obey obedience obedient | inhabit habitation | need necessary
recall recollect recollection | enrage rage | ensure sure | maintain maintenance | pronounce pronunciation
reveal revelation | apply application | solve solution | resolve resolution | suspect suspicion | assume assumption
consume consumption | exclaim exclamation | retain retention | acquire acquisition | require requirement
inquire inquiry | repeat repetition | compete competition | oppose opposition | suppose supposition | define definition
collide collision | explode explosion | include inclusion | exclude exclusion | broad breadth | young youth
"""

# A concept and what may say it; a word ending in "~" is the beginning of longer ones.
PHRASES = """
possible-01: can cannot could may might able ~able ~ible possibl~ perhaps maybe possibilit~ ca could
obligate-01: must have has had need should ought necessar~ obligat~ forced compulsor~ got
recommend-01: should ought better recommend~ advis~ | permit-01: may let allow~ permit~ can could
cause-01: because so since why therefore thus hence cause~ for as made make reason that by due
contrast-01: but however although though yet while still except only | resemble-01: like as resembl~ similar~ alike
have-03: have has had having got with of 's own | have-06: have has had having got with 's
have-concession-91: although though even despite but anyway still nevertheless however
have-condition-91: if unless when provided | ever: never ever | one: one ones 1 a an once | at-all: all
amr-choice: or | or: or nor | exemplify-01: example instance such like | differ-02: differ~ other another else
more: more further greater longer better ~er er | most: most ~est best | less: less
equal: as equal~ same so enough | same-01: same as | too: too | very: very so much quite most greatly
always: always ever | multiple: times | opine-01: opinion~ think thought believ~ view~
consequence: so then thus consequen~ | before: before ago until till | after: after later afterward~ since
now: now | then: then | all: all every everything everyone everybody whole | any: any anything anyone
some: some something someone a few | nothing: nothing | accompany-01: with accompan~ together | purpose: to for
mean-01: mean~ meant | have-purpose-91: for | kind: kind~ sort~ | about: about | also: also too
another: another other | think-01: think~ thought~ | come-on: come | no: no not | nobody: nobody one
nowhere: nowhere | no-one: no one nobody | date-entity: on | instead-of-91: instead | include-01: includ~ among
equal-01: equal~ is are was be | age-01: old age~ | need-01: need~ necess~
cry-out: cry cried cries | other: other others another else | again: again back
regardless-91: regardless matter even | instead-of: instead | responsible-03: responsib~ | thing-of: thing
likely-01: likely probabl~ | hello: hello good hi | at-least: least | at-last: last | back: back return~
relation: relation~ | such: such so like that | there: there
""".strip()

_ENDINGS = listed(
    """
    s es ed d ing er ers est r st ly ily ness ment ments ation ations ition tion ion ions al ally ial ous ful fully
    less lessness able ible ity ities y ies ied ier iest ist ists ism ize ise ized ised en ened ance ence ant ent or
    ors th ish ive dom hood ship ward wards like some ian n
    """
)


def _families(*tables: str) -> dict[str, frozenset[str]]:
    """Each word, and the first words of the lines that it is in."""
    found: dict[str, set[str]] = {}
    for table in tables:
        for line in filter(str.strip, table.replace("\n", "|").split("|")):
            head, *others = line.split()
            for word in others:
                found.setdefault(word, set()).add(head)
    return {word: frozenset(heads) for word, heads in found.items()}


_HEADS = _families(IRREGULAR_VERBS, IRREGULAR_OTHERS)


def _phrases(table: str) -> dict[str, frozenset[str]]:
    entries = (entry.split(": ") for entry in table.replace("\n", " | ").split(" | "))
    return {concept.strip(): frozenset(said.split()) for concept, said in entries}


SAID_AS = _phrases(PHRASES)


class PlainWord(NamedTuple):
    """A folded word and its place in the text."""

    form: str
    span: tuple[int, int]


def plain_words(text: str) -> list[PlainWord]:
    """The words of a text, letters only: "o'clock" is two, and "don't" is "do n't"."""
    return [PlainWord(match[0], match.span()) for match in _WORD.finditer(fold(text))]


@lru_cache(maxsize=100_000)
def stems(word: str) -> frozenset[str]:
    """What a folded word may be a form of: itself, the heads of its irregular families, and it without endings."""
    found = set(endless(word))
    for head in _HEADS.get(word, ()):
        found |= endless(head)
    return frozenset(found)


@lru_cache(maxsize=100_000)
def endless(word: str) -> frozenset[str]:
    """A folded word with and without each of the usual endings, spelt as it would be alone."""
    found = {word}
    for ending in _ENDINGS:
        rest = word.removesuffix(ending)
        if rest != word and len(rest) >= 3:
            found |= {rest, rest + "e", rest + "y", re.sub("i$", "y", rest)}
            if len(rest) > 3 and rest[-1] == rest[-2]:
                found.add(rest[:-1])
    return frozenset(found)


@lru_cache(maxsize=100_000)
def concept_words(concept: str) -> tuple[str, ...]:
    """The folded words of a concept without its sense: "look-up-05" gives look and up."""
    return tuple(re.findall(r"\w+", re.sub(r"(?<=.)-\d+$", "", fold(concept.strip('"'))).replace("_", " ")))


@lru_cache(maxsize=100_000)
def says(concept: str, word: str) -> bool:
    """Whether a folded word of a text says `concept`, or the first word of one such as "put-out-09"."""
    if any(fits(pattern, word) for pattern in phrases(concept)):
        return True
    words = concept_words(concept)
    return bool(words) and not endless(words[0]).isdisjoint(stems(word))


def phrases(concept: str) -> frozenset[str]:
    """What else says a concept, whatever its sense."""
    return SAID_AS.get(concept) or SAID_AS.get(re.sub(r"-\d+$", "", concept)) or frozenset()


def fits(pattern: str, word: str) -> bool:
    if pattern.endswith("~"):
        return word.startswith(pattern[:-1])
    if pattern.startswith("~"):
        return word.endswith(pattern[1:]) and len(word) > len(pattern) + 1
    return word == pattern


def is_unsaid(concept: str) -> bool:
    return concept in UNSAID or concept.endswith(UNSAID_ENDS)
