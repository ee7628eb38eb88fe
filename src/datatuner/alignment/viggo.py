"""How ViGGO's values are put into words; from its training and validation splits alone.

Most acts state their values ("inform") or ask about stated ones ("confirm", "suggest"), which is the same here; one
asks for a value that the data leave empty ("request_attribute"), so the slot itself has to be mentioned. Opinions are
worded freely ("I couldn't put it down"): the words for `rating` are a long list, and most of them are weak.
"""

from collections.abc import Iterable

from datatuner.alignment.own_slots import known_values
from datatuner.alignment.slot_rules import Names, Phrases, Rule, YesNo
from datatuner.example import Example

_RATED = r"(?:\w+ )?(?:rat(?:ed|ings?)|review(?:s|ed)?|reception|received|scores?)"
_NOT = r"(?:not|never|(?:do|did|does|could|would|is|was|were|are|ca|wo|have|has)n't)"
_GAME = r"(?:[\w',/+-]+ ){0,4}?(?:games?|title)"
# What is said of the hearer's tastes rates no game.
_HEARER = (
    r"(?:if|since|as) you(?:'re| are|'ve| seem to be)?(?: \w+){0,2} (?:like|enjoy|love|fans?|into|interested|looking)|"
    r"you(?:'d| would|'ll| will| might| may| should)(?: \w+)? (?:like|enjoy|love)|"
    r"(?<!why\s)(?<!what\s)(?:do|are) you"
    r"(?: (?:also|sometimes|an?|in general|typically|usually|generally|normally|big))* (?:like|enjoy|love|fans?|"
    r"into|fond)|"
    r"(?:wonder|wondering) if you(?:'re| are)? (?:like|enjoy|love|into)"
)

ESRB = Phrases(
    {
        "E 10+ (for Everyone 10 and Older)": (
            r"(?:everyone|anyone|ages?|those|players|kids|all)(?: \w+)? (?:over |above |older than |ages? )?(?:10|ten)"
            r"(?: and (?:older|up|over|above))?|10 ?\+|10 (?:and|or) (?:older|up|over)|(?:ten|10) years?"
        ),
        "E (for Everyone)": (
            r"(?:rated|rating|suitable|appropriate|safe) (?:for|to) (?:everyone|everybody|anyone|all)"
            r"(?! (?:over|above|10|ten))|all ages?"
        ),
        "M (for Mature)": r"rated mature|mature (?:audiences?|rated|rating|games?)",
        "T (for Teen)": r"teen(?:s|ager|agers|aged)?",
    },
    cased={
        "E 10+ (for Everyone 10 and Older)": r"E ?10 ?\+?(?: rated| rating)?(?: \(?for Everyone 10 and Older\)?)?",
        "E (for Everyone)": r"E(?: \(?for [Ee]veryone\)?)?",
        "M (for Mature)": r"M(?: \(?for [Mm]ature\)?)?",
        "T (for Teen)": r"T(?: \(?for [Tt]eens?\)?)?",
    },
    weak={
        "E (for Everyone)": (
            r"everyone|everybody|all audiences|whole family|family friendly|any age|family|kids?|children"
        ),
        "E 10+ (for Everyone 10 and Older)": r"kids?|children|family|10|ten",
        "M (for Mature)": r"mature|adults?",
    },
    asked=r"esrb|content (?:rating|label)|age rating",
)

GENRES = Phrases(
    {
        "action-adventure": r"action(?:,| and|/)? adventures?|adventure action",
        "adventure|action-adventure|text adventure": r"adventures?",
        "": r"multi ?player action(?! (?:game|shoot|rac|strat|plat|adv|role))",
        "action|action-adventure": r"action",
        "arcade": r"arcade",
        "driving/racing": r"driving(?:/| and |, )?(?:racing)?|rac(?:ing|er|ers|e)|driv(?:er|e)|cars?|vehicular|karts?",
        "fighting": r"fight(?:ing|er|ers)?|beat em up",
        "hack-and-slash": r"hack (?:and|n|&|'n') slash\w*|hack'n'slash",
        "indie": r"indies?|independent",
        "MMORPG": r"mmo ?rpgs?|massively multiplayer(?: online)?(?: role ?playing)?(?: games?)?|mmos?",
        "music": r"music(?:al)?|rhythm",
        "pinball": r"pinball",
        "platformer": r"platform(?:er|ers|ing)|platform (?:games?|puzz\w+|shoot\w+|action)",
        "point-and-click": r"point (?:and|n|&) click\w*",
        "puzzle": r"puzzl\w+",
        "real-time strategy": r"real ?time strateg\w+|rts",
        "role-playing": r"role ?play\w*|rpg'?s?",
        "shooter": r"shoot(?:er|ers|ing|em up)?|fps|gunplay",
        "simulation": r"simulat\w+|sims?",
        "sport": r"sports?(?! (?:an?|the) )|sporting|hockey|basketball|football|soccer|skat\w+|athletic",
        "strategy|real-time strategy|turn-based strategy": r"strateg\w+",
        "tactical": r"tactic\w*",
        "text adventure": r"text (?:based )?adventures?|text based",
        "trivia/board game": r"trivia(?:/| and |, )?(?:board)?|board (?:game|gam)\w*|quiz",
        "turn-based strategy": r"turn ?based strateg\w+|turn ?based|tbs",
        "vehicular combat": r"vehicular combat|vehicle combat|car combat",
    },
    asked=r"genres?|(?:kind|type|sort)s? of (?:video )?games?",
    many=True,
)

PLATFORMS = Phrases(
    {
        "PlayStation": r"play ?stations?(?: [1-4])?|ps[1-4]?",
        "Xbox": r"x ?box(?: ?360| one)?(?:es)?",
        "Nintendo": r"nintendos?(?: consoles?)?|wii|gamecube|snes|n64",
        "Nintendo Switch": r"nintendo switch",
        "PC": r"pc'?s?|windows",
    },
    cased={"Nintendo Switch": r"Switch"},
    weak={"PC": r"(?:personal )?computers?|desktop"},
    asked=r"platforms?|consoles?|systems?",
    many=True,
)

MULTIPLAYER = YesNo(
    r"multi ?player\w*|(?:with|against) (?:your |my |other |some |all )?(?:friends?|people|players|others)|co ?op\w*|"
    r"online play|multiple (?:players|people)",
    yes=r"(?:alone|solo|single ?player) (?:or|and|as well as) (?:in )?multi ?player|no single ?player",
    no=(
        r"single ?player(?: only| games?)?|solo\w*|(?:by|on) (?:yourself|myself|your own|my own)|play\w* alone|"
        r"one ?player|"
        r"(?:omission|lack|absence) of (?:a )?multi ?player"
    ),
    nothing=r"massively multi ?player",
)

RATING = Phrases(
    {
        "": _HEARER,
        "excellent": (
            rf"(?:excellent|outstanding|amazing|stellar|superb|exceptional|rave|fantastic|great|top) {_RATED}|"
            rf"{_RATED} (?:\w+ )?(?:excellent|exceptionally)|universal acclaim|"
            rf"(?:an?|is|was) (?:excellent|outstanding|amazing|fantastic|superb|incredible) {_GAME}"
        ),
        "good|excellent": rf"(?:high|highly|very|very high|well) {_RATED}|{_RATED} (?:very )?(?:high|highly|well)",
        "good": (
            rf"(?:good|positive|positively|favorable|solid) {_RATED}|{_RATED} (?:as )?good|an? (?:good|solid) {_GAME}"
        ),
        "average": (
            rf"(?:average|mixed|mediocre|middling|okay|ok|lukewarm) {_RATED}|"
            rf"{_RATED} (?:as )?(?:average|okay|ok|mediocre)|(?:decent|not great|no great) {_RATED}|"
            rf"an? (?:average|mediocre|middling) {_GAME}"
        ),
        "poor": (
            rf"(?:poor|poorly|bad|badly|negative|negatively|low|terrible) {_RATED}|"
            rf"{_RATED} (?:as )?(?:poor|poorly|bad|badly|low)|"
            rf"an? (?:poor|terrible|awful|horrible) {_GAME}|{_NOT} an? (?:\w+ )?(?:good|great|solid) {_GAME}"
        ),
    },
    weak={
        "excellent": (
            r"excellent\w*|amazing\w*|awesome\w*|fantastic\w*|incredibl[ey]|outstanding|brilliant|superb\w*|"
            r"exceptional\w*|"
            r"love[ds]?|loving|best|phenomenal|masterpiece|wonderful\w*|great(?:est|ly)?|terrific|perfect\w*|"
            r"favou?rites?|"
            r"adore\w*|top(?: notch| tier)?|rav(?:e|ed|ing)|blew|blown|stellar|fabulous|dug|obsessed|hooked|enamored|"
            r"gush\w*|flawless\w*|enthrall\w*|rocking|genius|crazy|superior|special|attractive|so (?:much|good|great)|"
            r"strong preference|all about|a lot|thrilling|seminal|exciting|impress(?:ed|ive)|into|masterful\w*|"
            r"hard to beat"
        ),
        "good|excellent": (
            r"high(?:ly)?|enjoy(?:ed|able|ing|s|ment)?|fun|fans?|well (?:made|received|done|liked|put)|"
            r"(?:do|did|done|play(?:s|ed)|works?) (?:\w+ )?well|really (?:like|liked)|cool|entertain\w*|prefer\w*|"
            r"stand out|won me over|unique"
        ),
        "good": (
            r"good|likes?|liked|liking|positive(?:ly)?|solid\w*|decent\w*|favorabl[ey]|nice\w*|pleas\w+|appeal\w*|"
            r"better|"
            r"interest\w+|fond|appreciat\w+|satisf\w+|fancy|dig|recommend\w*|worth\w*|up your alley|strong"
        ),
        "average": (
            r"average|ok(?:ay)?|mediocre|meh|mixed|middling|middle|decent\w*|so ?so|lukewarm|indifferent\w*|"
            r"alright|all right|"
            rf"fine|passable|nothing (?:special|\w+ (?:about|special)|great)|neither|"
            rf"{_NOT} (?:\w+ )?(?:bad|great|too|quite|so|"
            rf"as|all that|exactly|very|that|amazing|terribl[ey]|impress\w*|special|one way|hate|love|happy)|neutral|"
            rf"averagely|nothing extraordinary|underwhelm\w*|unenthus\w*|"
            rf"{_NOT} (?:\w+ ){{0,2}}(?:fond|sold|excited|thrilled)|"
            r"barely|moderate(?:ly)?|tolerabl[ey]|acceptable|ambivalent|fair|ordinary|run of the mill|forgettable|"
            r"take it or leave|"
            rf"could have been|{_NOT} (?:\w+ ){{0,3}}(?:big|huge|real) (?:\w+ )?fan|middle of the road|unhappy|"
            rf"bland|unremarkable|uninspired|lackluster"
        ),
        "poor": (
            r"poor\w*|bad(?:ly)?|terribl[ey]|awful\w*|horribl[ey]|hat(?:e|ed|es|ing)|dislik\w+|worst|worse|negativ\w+|"
            rf"disappoint\w*|boring|bored|lacking|lackluster|{_NOT} (?:\w+ ){{0,4}}(?:like|enjoy\w*|care|fun|good|into|"
            r"fan|favorite|appeal\w*|recommend\w*|worth\w*|play|find|live up|your cup|"
            r"get)|cup of tea|unimpress\w*|dud|mess|"
            r"subpar|sucks?|frustrat\w+|annoy\w+|fail\w*|dull|clunky|screwed|tedious|stand|unfun|garbage|trash|"
            r"weak|flop|"
            r"mistake|unenjoyable|unpleasant|abysmal|dreadful|crappy|wast\w+|unhappy|regret\w*|distaste\w*|"
            r"off ?putting|"
            r"puts? you off|unacceptable|lame|miss|disdain|unbearable|uninteresting|low"
        ),
    },
    asked=r"rat(?:ing|ed)s?|reviews?|opinions?",
)

PERSPECTIVE = Phrases(
    {
        "first person": r"first ?person|1st ?person|fps|first (?=(?:and|or|&|/))",
        "third person": r"third ?person|3rd ?person|third (?=(?:and|or|&|/))",
        "bird view": r"bird'?s?'?(?: eye)?(?: view)?|top ?down|overhead|isometric|aerial",
        "side view": r"side (?:view|scroll\w*|perspective|on)|sidescroll\w*",
    },
    weak={"third person": r"third", "first person": r"first"},
    asked=r"perspectives?|points? of view|views?",
    many=True,
)

RULES: dict[str, Rule] = {
    "esrb": ESRB,
    "genres": GENRES,
    "platforms": PLATFORMS,
    "available_on_steam": YesNo(r"steam"),
    "has_linux_release": YesNo(r"linux"),
    "has_mac_release": YesNo(r"macs?|macos|macintosh|os x|apple"),
    "has_multiplayer": MULTIPLAYER,
    "rating": RATING,
    "player_perspective": PERSPECTIVE,
}


def rules(train: Iterable[Example]) -> dict[str, Rule]:
    """The table, with the names and dates of the training split; any year may be one of release."""
    known = known_values((example.source for example in train), ("name", "developer", "exp_release_date"))
    return {
        **RULES,
        "name": Names(known["name"], repeats="sentence"),
        "developer": Names(known["developer"], asked=r"developers?|studios?|compan(?:y|ies)|who (?:made|makes)"),
        "release_year": Names(shape=r"(?:19|20)\d\d", asked=r"years?|when"),
        "exp_release_date": Names(known["exp_release_date"], asked=r"dates?|when|come out"),
    }
