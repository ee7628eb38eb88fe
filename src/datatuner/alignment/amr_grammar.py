"""English words that need no concept of their own: closed classes, support verbs, and the nouns of fixed phrases.

AMR leaves them out: "take a step" is (s / step-01), "in spite of" a role or a frame. That a text says one of them tells
nothing of what it adds.
"""

from functools import lru_cache

from datatuner.alignment.amr_words import stems
from datatuner.alignment.words import NUMBER_WORDS, listed

SHORT = 3  # letters; shorter ones are particles and what a tokenizer leaves of "don't"

FUNCTION_WORDS = frozenset(
    listed(
        """
        an the this that these those i me my mine we us our you your he him his she her it its they them their
        who whom whose which what whoever whatever whichever whomever myself yourself himself herself itself ourselves
        yourselves themselves oneself one ones others something anything everything someone anyone everyone somebody
        anybody everybody somewhere anywhere everywhere am is are was were be been being do does did done doing have has
        had having will would shall should can could may might must ought of in to for on at by with from up down out
        off over under into onto upon about against between among through during before after above below around along
        across behind beyond beside besides toward towards within without near since until till than as like per via
        except and or but nor so yet if when while where why how because although though unless whether whenever
        wherever whence thus hence therefore however not no never none nothing nobody nowhere neither hardly scarcely
        either both each every any some such other there then once yes oh ah well
        """
    )
)
# With a noun beside them, or as copulas, they say no more than that something is or begins: "draw near", "grow tired".
LIGHT_VERBS = frozenset(
    listed(
        """
        be do have get go come leave make take give put set keep let bring hold draw pay run fall turn cast play become
        grow remain seem appear happen occur receive begin use
        """
    )
)
PHRASE_WORDS = frozenset(
    listed(
        """
        way part place case fact course order form kind sort thing matter manner presence spite sake account instance
        clock act sense twice hundred thousand million billion
        """
    )
)


@lru_cache(maxsize=100_000)
def is_grammar(word: str) -> bool:
    """Whether a folded word needs no concept."""
    return (
        len(word) < SHORT
        or word in FUNCTION_WORDS
        or word in NUMBER_WORDS
        or word.removesuffix("s") in PHRASE_WORDS
        or not LIGHT_VERBS.isdisjoint(stems(word))
    )
