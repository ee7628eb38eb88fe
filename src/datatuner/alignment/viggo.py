"""How ViGGO's values are put into words; from its training and validation splits alone."""

from collections.abc import Iterable

from datatuner.alignment.slots import Names, Phrases, Rule, YesNo
from datatuner.example import Example, SlotValues

_RATED = r"(?:\w+ )?(?:rat(?:ed|ings?)|review(?:s|ed)?|reception|received|scores?)"

RULES: dict[str, Rule] = {
    "esrb": Phrases(
        {
            "E 10+ (for Everyone 10 and Older)": (
                r"(?-i:E) ?10 ?\+?(?: rated| rating)?(?: \(?for Everyone 10 and Older\)?)?|(?:everyone|anyone|ages?|those|players|kids|all)"
                r"(?: \w+)? (?:over |above |older than |ages? )?(?:10|ten)(?: and (?:older|up|over|above))?|10 ?\+|10 (?:and|or) (?:older|up|over)|"
                r"(?:ten|10) years?"
            ),
            "E (for Everyone)": (
                r"(?-i:E) \(?for Everyone\)?|(?-i:E)|(?:for|by|to|suits?) (?:everyone|everybody|all ages|all audiences|anyone)"
            ),
            "M (for Mature)": r"(?-i:M) \(?for Mature\)?|(?-i:M)|rated mature|mature (?:audiences?|rated|rating|games?)",
            "T (for Teen)": r"(?-i:T) \(?for Teens?\)?|(?-i:T)|teen(?:s|ager|agers|aged)?",
        },
        weak={
            "E (for Everyone)": r"everyone|everybody|all ages|all audiences|whole family|family friendly|any age|family|kids?|children",
            "E 10+ (for Everyone 10 and Older)": r"kids?|children|family|10|ten",
            "M (for Mature)": r"mature|adults?",
        },
    ),
    "genres": Phrases(
        {
            "action-adventure": r"action(?:,| and|/)? adventures?|adventure action",
            "adventure|action-adventure|text adventure": r"adventures?",
            "action|action-adventure": r"action",
            "arcade": r"arcade",
            "driving/racing": r"driving(?:/| and |, )?(?:racing)?|rac(?:ing|er|ers|e)|driv(?:er|e)|cars?|vehicular|karts?",
            "fighting": r"fight(?:ing|er|ers)?|beat em up",
            "hack-and-slash": r"hack (?:and|n|&|'n') slash\w*|hack'n'slash",
            "indie": r"indies?|independent",
            "MMORPG": r"MMO ?RPGs?|massively multiplayer[\w -]*|MMOs?",
            "music": r"music(?:al)?|rhythm",
            "pinball": r"pinball",
            "platformer": r"platform(?:er|ers|ing)|platform (?:games?|puzz\w+|shoot\w+|action)",
            "point-and-click": r"point (?:and|n|&) click\w*",
            "puzzle": r"puzzl\w+",
            "real-time strategy": r"real ?time strateg\w+|RTS",
            "role-playing": r"role ?play\w*|RPGs?|rpg'?s",
            "shooter": r"shoot(?:er|ers|ing|em up)?|FPS|gunplay",
            "simulation": r"simulat\w+|sims?",
            "sport": r"sports?|sporting|hockey|basketball|football|soccer|skat\w+|athletic",
            "strategy|real-time strategy|turn-based strategy": r"strateg\w+",
            "tactical": r"tactic\w*",
            "text adventure": r"text (?:based )?adventures?|text based",
            "trivia/board game": r"trivia(?:/| and |, )?(?:board)?|board (?:game|gam)\w*|quiz",
            "turn-based strategy": r"turn ?based strateg\w+|turn ?based|TBS",
            "vehicular combat": r"vehicular combat|vehicle combat|car combat",
        },
        many=True,
    ),
    "platforms": Phrases(
        {
            "PlayStation": r"play ?stations?(?: [1-4])?|PS[1-4]?",
            "Xbox": r"X ?box(?: ?360| one)?(?:es)?",
            "Nintendo": r"Nintendos?(?: consoles?)?|Wii|Gamecube|SNES|N64",
            "Nintendo Switch": r"(?:Nintendo )?Switch",
            "PC": r"PC'?s?|Windows|(?:personal )?computers?|desktop",
        },
        many=True,
    ),
    "available_on_steam": YesNo(r"steam"),
    "has_linux_release": YesNo(r"linux"),
    "has_mac_release": YesNo(r"macs?|macOS|macintosh|OS X|apple"),
    "has_multiplayer": YesNo(
        r"multi ?player\w*|(?:with|against) (?:your |my |other |some |all )?(?:friends?|people|players|others)|co ?op\w*|online play",
        no=r"single ?player(?: only| games?)?|solo\w*|(?:by|on) (?:yourself|myself|your own|my own)|alone|one ?player",
    ),
    "rating": Phrases(
        {
            "excellent": rf"(?:excellent|outstanding|amazing|stellar|superb|exceptional|rave|fantastic|great|top) {_RATED}|{_RATED} (?:\w+ )?(?:excellent|exceptionally)",
            "good|excellent": rf"(?:high|highly|very|very high|well) {_RATED}|{_RATED} (?:very )?(?:high|highly|well)",
            "good": rf"(?:good|positive|positively|favorable|solid) {_RATED}|{_RATED} (?:as )?good",
            "average": rf"(?:average|mixed|mediocre|middling|okay|ok|lukewarm) {_RATED}|{_RATED} (?:as )?(?:average|okay|ok|mediocre)",
            "poor": rf"(?:poor|poorly|bad|badly|negative|negatively|low|terrible) {_RATED}|{_RATED} (?:as )?(?:poor|poorly|bad|badly|low)",
        },
        weak={
            "excellent": (
                r"excellent\w*|amazing\w*|awesome\w*|fantastic\w*|incredibl[ey]|outstanding|brilliant|superb|exceptional\w*|love[ds]?|loving|"
                r"best|phenomenal|masterpiece|wonderful\w*|great(?:est|ly)?|terrific|perfect\w*|favou?rites?|adore\w*|top notch|"
                r"rav(?:e|ed|ing)|blew|blown|stellar|fabulous|(?:dug|into|obsessed|hooked|enamored|gush\w*|flawless\w*|enthrall\w*|rocking|genius|crazy)"
            ),
            "good|excellent": r"high(?:ly)?|enjoy(?:ed|able|ing|s|ment)?|fun|fan|well|really (?:like|liked)|impress(?:ed|ive)|cool|entertain\w*",
            "good": (
                r"good|likes?|liked|liking|positive(?:ly)?|solid\w*|decent|pretty (?:good|well)|favorabl[ey]|nice\w*|pleas\w+|appeal\w*|"
                r"quality|better|interesting|fond|appreciat\w+|satisf\w+|fancy|into|dig|recommend\w*|worth\w*|up your alley"
            ),
            "average": (
                r"average|ok(?:ay)?|mediocre|meh|mixed|middling|middle|decent|so ?so|lukewarm|indifferent\w*|alright|all right|just fine|fine|"
                r"passable|nothing (?:special|\w+)|neither|not (?:bad|great|too|quite|so|as|really|that|all|exactly)|moderate(?:ly)?|neutral|"
                r"tolerabl[ey]|acceptable|ambivalent|fair|mostly|ordinary|run of the mill|(?:weren|wasn|isn|didn|don|aren|doesn)['’]t \w+ (?:too|that|all|very|much|\w+)"
            ),
            "poor": (
                r"poor\w*|bad(?:ly)?|terribl[ey]|awful\w*|horribl[ey]|hat(?:e|ed|es|ing)|dislik\w+|worst|worse|negativ\w+|disappoint\w*|"
                r"boring|bored|lacking|lackluster|(?:do|did|does|could|would|is|was|were|are|ca|wo)(?:n['’]t| not)(?: \w+){0,3} (?:like|enjoy|care|fun|good|into|fan|favorite|appeal\w*|recommend\w*|worth\w*)|"
                r"not (?:a fan|fun|enjoy\w*|like|liking|good|your cup)|cup of tea|low(?:ly)?|unimpress\w*|dud|mess|subpar|sucks?|frustrat\w+|annoy\w+|"
                r"fail\w*|dull|clunky|screwed|tedious|can['’]t stand|stand|unfun|garbage|trash|weak|flop|mistake|unenjoyable|unpleasant|abysmal|dreadful|crappy|wast\w+|unhappy|regret\w*"
            ),
        },
    ),
    "player_perspective": Phrases(
        {
            "first person": r"first ?person|1st ?person|FPS|first (?=(?:and|or|&|/))",
            "third person": r"third ?person|3rd ?person|third (?=(?:and|or|&|/))",
            "bird view": r"bird(?:['’]?s)?(?:['’])?(?: eye)?(?: view)?|top ?down|overhead|isometric|aerial",
            "side view": r"side (?:view|scroll\w*|perspective|on)|sidescroll\w*",
        },
        weak={"third person": r"third", "first person": r"first"},
        many=True,
    ),
}


def rules(train: Iterable[Example]) -> dict[str, Rule]:
    """The table, with the names, years and dates of the training split."""
    known: dict[str, set[str]] = {"name": set(), "developer": set(), "release_year": set()}
    for example in train:
        if isinstance(example.source, SlotValues):
            for slot in example.source.slots:
                if slot.name in known and slot.value:
                    known[slot.name].add(slot.value)
    return {**RULES, **{name: Names(frozenset(values)) for name, values in known.items()}}
