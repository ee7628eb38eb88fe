"""How E2E and ViGGO say each value: tables written from reading their training texts. Long, because it is tables.

The rules are narrow on purpose: what they do not know they leave alone, so that a label is right by construction.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

Forms = tuple[Mapping[str, str], ...]


@dataclass(frozen=True)
class Rule:
    """How one slot is spoken of.

    `forms` are parallel ways to say the meanings of the slot, one regular expression or plain phrase each; () says the
    value word for word. `meanings` joins values of one meaning ("cheap", "less than £20"), which are never exchanged;
    `unlike` holds the meanings that plainly differ from one (all others by default). `topic` finds every word that may
    speak of the slot, whatever its value: outside the phrase and `window` characters around it there must be none.
    `cuts` are clauses that say a value and nothing else ({p} is the phrase), each with what is put in its place after
    "=>". `sentence` states a meaning ({v}) by itself.
    """

    topic: str = ""
    forms: Forms = ()
    meanings: Mapping[str, str] = field(default_factory=dict)
    unlike: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    topics: Mapping[str, str] = field(default_factory=dict)  # of each item of a list value
    cuts: tuple[str, ...] = ()
    sentence: str | Mapping[str, str] = ""
    entity: bool = False  # a name, hidden while other slots are looked for
    items: bool = False  # a list value
    window: int = 0


@dataclass(frozen=True)
class Flip:
    """What says yes (or no) of a slot, and what says the opposite."""

    value: str
    pattern: str
    opposite: str


_END = r"(?=[.,?!]|$)"
_WHOLE = r"(?<! is)(?<! are)(?<! and)(?<! it)(?<! or)(?<!just)(?<!very)(?<!,)"

# E2E

_LOW, _MIDDLE, _HIGH = "low", "middle", "high"
_FRIENDLY = r"(?:family|families|kids?|child|children)[- ]friendly"
_FRIENDLY_FLIPS = tuple(
    flip
    for verb in ("is", "are")
    for flip in (
        Flip("no", rf"\b({verb}) not (an? )?((?:very )?{_FRIENDLY})", r"\1 \2\3"),
        Flip("yes", rf"\b({verb}) (an? )?((?:very )?{_FRIENDLY})", r"\1 not \2\3"),
    )
)

E2E: Mapping[str, Rule] = {
    "name": Rule(entity=True, cuts=(r"^{p} (?=is\b|has\b|serves\b|offers\b|provides\b)=>It ",)),
    "near": Rule(
        entity=True,
        topic=r"\bnear|close to|next to|beside|vicinity|adjacent|opposite|nowhere",
        sentence="It is near {v}.",
        cuts=(
            (
                rf"{_WHOLE}(?: located| situated)? (?:near|close to|next to|by|beside)(?: to)?"
                rf"(?: the)? {{p}}(?=[.,?!]|$| and| in| that)=>"
            ),
        ),
    ),
    "eatType": Rule(
        topic=r"\bpubs?\b|restaurant|coffee|\bcaf|\bbar\b|diner|eatery|bistro|tavern|\bshop|\binn\b|tea\b",
        forms=({"pub": "pub", "restaurant": "restaurant", "coffee shop": "coffee shop"},),
        cuts=(r"\bpub=>place", r"\bcoffee shop=>place"),
        sentence="It is a {v}.",
    ),
    "food": Rule(
        topic=(
            r"italian|french|chinese|indian|english|british|japanese|fast[- ]?food|sushi|pasta|"
            r"curry|curries|asian|burger|wine|"
            r"cheese|sandwich|pizza|european|fish|noodle|traditional|oriental|snack|breakfast|"
            r"deli|spaghetti|full|fries|rice|"
            r"fruit|junk|quick|cuisine|american|western|china|japan|india|france|italy|england"
        ),
        forms=(
            {name: f"{name} food" for name in ("Italian", "French", "Chinese", "Indian", "English", "Japanese")}
            | {"Fast food": "fast food"},
            {name: name for name in ("Italian", "French", "Chinese", "Indian", "English", "Japanese")},
        ),
        window=8,
        cuts=(
            r"(?<= ){p} (?=restaurant|pub|coffee shop|place)=>",
            rf"{_WHOLE} (?:serving|providing|offering) {{p}}(?: food)?(?=[.,]|$| in| near| with| at)=>",
        ),
        sentence={"Fast food": "It serves fast food.", "": "It serves {v} food."},
    ),
    "priceRange": Rule(
        topic=(
            r"pric|cheap|expens|£|\bcost|afford|moderate|budget|pound|euro|econom|value|inexpens|"
            r"\bpay|\b\d\d\b|luxur|upscale|"
            r"fancy|range|average(?! (?:customer|rat))|low(?!er)(?! (?:customer|rat))|high(?! "
            r"(?:customer|rat))(?!ly)|reasonabl|discount|bargain|money|spend|twenty|thirty"
        ),
        meanings={
            **{"cheap": _LOW, "less than £20": _LOW, "moderate": _MIDDLE, "£20-25": _MIDDLE},
            **{"high": _HIGH, "more than £30": _HIGH},
        },
        forms=(
            {
                _LOW: "price range of less than £20",
                _MIDDLE: "price range of £20-25",
                _HIGH: "price range of more than £30",
            },
            {_LOW: "less than £20", _MIDDLE: "£20-25", _HIGH: "more than £30"},
            {_LOW: "under £20", _MIDDLE: "£20-25", _HIGH: "over £30"},
            {_LOW: "low price", _MIDDLE: "moderate price", _HIGH: "high price"},
            {_LOW: "cheap price", _MIDDLE: "moderate price", _HIGH: "high price"},
            {_LOW: "low priced", _MIDDLE: "moderately priced", _HIGH: "high priced"},
            {_LOW: "cheap", _MIDDLE: "moderately priced", _HIGH: "expensive"},
        ),
        window=22,
        cuts=(
            r"(?<=\ba ){p},? (?=[A-Za-z])=>",
            r"(?<=\ban ){p},? (?=[A-Za-z])=>",
            (
                rf"{_WHOLE} (?:with|in|at|and has|and) (?:a|the) {{p}}(?:d)?(?: price range| range)?"
                rf"(?=[.,?!]|$| and| in| near| located)=>"
            ),
            rf"{_WHOLE} (?:for|at) {{p}}(?=[.,?!]|$| in| near| and)=>",
        ),
        sentence={_LOW: "It is cheap.", _MIDDLE: "It is moderately priced.", _HIGH: "It is expensive."},
    ),
    "customer rating": Rule(
        topic=(
            r"rat(?:ed|ing)|\bstars?\b|out of|review|customer|of 5|of five|recommend|scor|quality|"
            r"popular|great|excellent|\bpoor|"
            r"\bgood|\bbest|favou?r|acclaim|mediocre|disappoint|regard|\bwell\b|average(?! pric)|"
            r"\blow(?!er)(?![- ]?(?:pric|cost))|"
            r"high(?!er)(?![- ]?(?:pric|cost|end))|\bliked|bad\b|terribl|satisf"
        ),
        meanings={
            **{"low": _LOW, "1 out of 5": _LOW, "average": _MIDDLE, "3 out of 5": _MIDDLE},
            **{"high": _HIGH, "5 out of 5": _HIGH},
        },
        forms=(
            {_LOW: "low customer rating", _MIDDLE: "average customer rating", _HIGH: "high customer rating"},
            {_LOW: "customer rating is low", _MIDDLE: "customer rating is average", _HIGH: "customer rating is high"},
            {_LOW: "low rating", _MIDDLE: "average rating", _HIGH: "high rating"},
            {_LOW: "low rated", _MIDDLE: "average rated", _HIGH: "highly rated"},
            {_LOW: "1 out of 5", _MIDDLE: "3 out of 5", _HIGH: "5 out of 5"},
            {_LOW: "one out of five", _MIDDLE: "three out of five", _HIGH: "five out of five"},
            {_LOW: "one star", _MIDDLE: "three star", _HIGH: "five star"},
            {_LOW: "1 star", _MIDDLE: "3 star", _HIGH: "5 star"},
        ),
        window=24,
        cuts=(
            (
                rf"{_WHOLE},? (?:with|and has|and|but has|has received|and received) an? "
                rf"(?:customer rating of |rating of )?{{p}}s?(?: customer ratings?| ratings?)?"
                rf"(?=[.,?!]|$| and| near| in| located)=>"
            ),
            r"(?<=\ba ){p},? (?=[a-z]+ )=>",
        ),
        sentence={
            _LOW: "It has a low customer rating.",
            _MIDDLE: "It has an average customer rating.",
            _HIGH: "It has a high customer rating.",
        },
    ),
    "area": Rule(
        topic=r"river|\bcit(?:y|ies)|cent(?:re|er|ral)|\btown|thames|water|\bbanks?\b|urban|suburb|metropol|\bcam\b",
        forms=(
            {"riverside": "riverside", "city centre": "city centre"},
            {"riverside": "riverside", "city centre": "city center"},
        ),
        cuts=(
            (
                rf"{_WHOLE}(?: located| situated)? (?:in|by|on|along|at) the {{p}}(?: area)?(?=[.,?!]|"
                rf"$| near| and| with| close)=>"
            ),
        ),
        sentence={"riverside": "It is in the riverside area.", "city centre": "It is in the city centre."},
    ),
    "familyFriendly": Rule(
        topic=r"famil|\bkid|child|adult|all ages|\bage|young|bab(?:y|ies)|toddler|grown|everyone|friendly",
        cuts=(
            rf"(?<=\ba ){_FRIENDLY},? (?=[A-Za-z])=>",
            rf",? (?:and|but) (?:it )?is (?:not )?{_FRIENDLY}{_END}=>",
        ),
        sentence={"yes": "It is family friendly.", "no": "It is not family friendly."},
    ),
}

# ViGGO

_GENRES = {  # each genre: what may speak of it
    "action-adventure": r"action|adventur",
    "action": r"action",
    "adventure": r"adventur",
    "arcade": r"arcade",
    "driving/racing": r"driv|rac(?:e|ing|er)|\bcars?\b",
    "fighting": r"fight|brawl|combat",
    "hack-and-slash": r"hack|slash",
    "indie": r"indie|independent",
    "MMORPG": r"MMO|massive",
    "music": r"music|rhythm|danc|song|guitar",
    "pinball": r"pinball",
    "platformer": r"platformer|platforming",
    "point-and-click": r"click|\bpoint",
    "puzzle": r"puzzl",
    "real-time strategy": r"real-time|RTS|strateg",
    "role-playing": r"role|RPG",
    "shooter": r"shoot|FPS|\bguns?\b",
    "simulation": r"simulat|\bsims?\b",
    "sport": r"sport|hockey|football|basketball|soccer|skat|baseball|athlet",
    "strategy": r"strateg|RTS|tactic",
    "tactical": r"tactic|strateg",
    "text adventure": r"text",
    "trivia/board game": r"trivia|board|quiz",
    "turn-based strategy": r"turn-based|TBS|strateg",
    "vehicular combat": r"vehic|combat|\bcars?\b",
}
_KINDS_OF_GAMES = (  # said before "game", exchangeable there
    *("indie", "puzzle", "music", "fighting", "role-playing", "hack-and-slash", "point-and-click", "pinball", "arcade"),
    *("sport", "tactical", "vehicular combat", "driving/racing", "simulation", "strategy"),
)
_PLATFORMS = {
    "PlayStation": r"playstation|\bPS[ 2-5]|console|sony",
    "Xbox": r"xbox|console|microsoft",
    "PC": r"\bPCs?\b|computer|steam|windows|desktop",
    "Nintendo": r"nintendo|switch|wii|console|\bNES\b|gamecube",
    "Nintendo Switch": r"nintendo|switch|console",
}
_PERSPECTIVES = {
    "third person": r"third|3rd",
    "first person": r"first|1st|FPS",
    "bird view": r"bird|overhead|top-down|above|isometric",
    "side view": r"\bside|scroll|2D",
}
_ESRB = {
    "E (for Everyone)": "E",
    "E 10+ (for Everyone 10 and Older)": "E 10+",
    "T (for Teen)": "T",
    "M (for Mature)": "M",
}
_RATING_WORDS = (
    r"good|great|excellent|amazing|fantastic|average|\bpoor|okay|\bok\b|o\.k|\bbad|terribl|awful|"
    r"mediocr|decent|\bbest|worst|"
    r"disappoint|enjoy|\blov|\blik(?:e|ed|es|ing)\b|\bhat(?:e|ed|es)\b|incredib|solid|\bfun\b|"
    r"\black|meh\b|\bfond|\bfans?\b|"
    r"impress|bor(?:ed|ing)|ratings?\b|reviews?|receive|favou?rite|perfect|wonderful|\bnice|"
    r"\bfine\b|\bwell\b|adequate|so-so|dislik|"
    r"prais|superb|outstanding|regret|worth|indifferent|acclaim|lukewarm|passable|special|brilliant|stellar|top-notch"
)
_PLACES = {
    "available_on_steam": r"Steam",
    "has_linux_release": r"(?:Mac (?:or|and) (?:a )?)?Linux",
    "has_mac_release": r"(?:Linux (?:or|and) (?:a )?)?Mac",
}


def _place_flips(place: str) -> tuple[Flip, ...]:
    out = r"(?:(?:currently |also |even |yet )?(?:available|released|supported|playable|out) (?:on|for|by) )"
    get = r"(?:(?:also |even )?(?:get|find|play|download|buy) it (?:on|from|through|for) )"
    release = rf"{place} (?:release|version)"
    return (
        Flip("no", rf"\b(is|was|are) not ({out}(?:either )?{place}\b)", r"\1 \2"),
        Flip("no", rf"\b(is|was|are)n't ({out}(?:either )?{place}\b)", r"\1 \2"),
        Flip("no", rf"\b(is|it's) not ((?:on|for) {place}\b)", r"\1 \2"),
        Flip("no", rf"\bbut not ((?:available |released |supported )?(?:on|for|by) {place}\b)", r"and \1"),
        Flip("no", rf"\bhas no ({release})", r"has a \1"),
        Flip("no", rf"\b(?:doesn't|does not) have an? ({release})", r"has a \1"),
        Flip("no", rf"\b([Tt]here)(?: is|'s) no ({release})", r"\1 is a \2"),
        Flip("no", rf"\b([Yy]ou) (?:can't|cannot|can not) ({get}{place}\b)", r"\1 can \2"),
        Flip("no", rf"\b(has) not (been released (?:on|for) {place}\b)", r"\1 \2"),
        Flip("no", rf"\bwith no ({release})", r"with a \1"),
        Flip("yes", rf"\b(is|was|are) ({out}{place}\b)", r"\1 not \2"),
        Flip("yes", rf"\b(is|it's) (?:also )?(on {place}\b)", r"\1 not \2"),
        Flip("yes", rf"\b([Ii]t's) ({out}{place}\b)", r"\1 not \2"),
        Flip("yes", rf"\b([Yy]ou can) ({get}{place}\b)", r"\1't \2"),
        Flip("yes", rf"\b(?:has|does have) (a {release})", r"doesn't have \1"),
        Flip("yes", rf"\b([Tt]here)(?: is|'s) a ({release})", r"\1 is no \2"),
        Flip("yes", rf"\bwith a ({release})", r"without a \1"),
        Flip("yes", rf"\bgames (on {place}\b)", r"games that are not \1"),
    )


_KIND_FOLLOWS = (
    r"(?=(?:games?|action|adventure|shooter|sports?|driving|real-time|turn-based|role|PC|"
    r"PlayStation|Xbox|Nintendo|third|first|bird|"
    r"side|racing|puzzle|strategy|indie|platformer|simul|hack|fighting|tactical|arcade|music|RPG)\b)"
)
FLIPS: Mapping[str, tuple[Flip, ...]] = {
    "familyFriendly": (
        *_FRIENDLY_FLIPS,
        Flip("no", rf"\ba non[- ]({_FRIENDLY})", r"a \1"),
        Flip("yes", rf"(?<!not )\b([Aa]) ({_FRIENDLY})", r"\1 non \2"),
        Flip("no", r"\bnot suitable for (families|children|kids)", r"suitable for \1"),
        Flip("yes", r"(?<!not )\bsuitable for (families|children|kids)", r"not suitable for \1"),
    ),
    "has_multiplayer": (
        Flip("no", r"\b(?:doesn't|does not) (?:have|feature|offer|support) ((?:a )?multiplayer)", r"has \1"),
        Flip("no", r"\b(has|offers|features|with) no (multiplayer)", r"\1 \2"),
        Flip("no", r"\b([Tt]here)(?: is|'s) no (multiplayer (?:mode|option))", r"\1 is a \2"),
        Flip("no", r"\b(?:can't|cannot|can not) (be played multiplayer)", r"can \1"),
        Flip("no", r"\bsingle-player only", r"multiplayer"),
        Flip("no", rf"\bsingle-player,? {_KIND_FOLLOWS}", r"multiplayer "),
        Flip("yes", r"\b(?:has|features|offers|supports) ((?:a )?multiplayer)", r"doesn't have \1"),
        Flip("yes", r"\bcan (be played multiplayer)", r"can't \1"),
        Flip("yes", r"\bwith (a )?(multiplayer)", r"without \1\2"),
        Flip("yes", rf"(?<!no )(?<!non-)(?<!not )\bmultiplayer,? {_KIND_FOLLOWS}", r"single-player "),
    ),
    **{slot: _place_flips(place) for slot, place in _PLACES.items()},
}

VIGGO: Mapping[str, Rule] = {
    "name": Rule(entity=True, cuts=(rf",? (?:like|such as|for example|like for example|for instance) {{p}}{_END}=>",)),
    "developer": Rule(
        entity=True,
        sentence="It was developed by {v}.",
        cuts=(
            (
                r"(?:,? (?:and )?(?:(?:which|that|it) (?:was|were|is) |was |is )?(?:developed|made|"
                r"created|produced) by| by| from) {p}(?=[.,?!]|$| that| which| and| in| for| with|"
                r" on)=>"
            ),
        ),
    ),
    "release_year": Rule(
        topic=r"\b(?:19|20)\d\d\b|'\d\ds?\b|\bcentury|\byears? ago",
        cuts=(
            r" (?:in|from) {p}(?=[.,?!]|$| that| which| and| by| for| with| on| like)=>",
            r"(?<=\b[Aa] ){p} (?=[a-z])=>",
        ),
        sentence="It came out in {v}.",
    ),
    "exp_release_date": Rule(
        topic=(
            r"\b20\d\d\b|january|february|\bmarch\b|april|\bmay \d|june|july|august|september|october|"
            r"november|december"
        ),
        cuts=(r",? (?:on|in) {p}(?=[.,?!]|$| for| by| and| on)=>",),
        sentence="It is expected to be released on {v}.",
    ),
    "esrb": Rule(
        topic=r"\b[ETM]\b|10\+|(?i:teen|matur|everyone|esrb|adult|\bkids|child|\bages?\b|older)",
        forms=(
            {value: re.escape(value) for value in _ESRB},
            {value: rf"rated {re.escape(short)}(?! ?\()(?! ?10)" for value, short in _ESRB.items()},
            {value: rf"{re.escape(short)}[- ]rated" for value, short in _ESRB.items()},
        ),
        window=12,
        cuts=(
            rf",? (?:and |which |that )?(?:is |are |was )?(?:rated )?{{p}}{_END}=>",
            r"(?<= ){p} (?=games?\b|[a-z])=>",
            r",? (?:with|and has) an? {p} rating=>",
        ),
        sentence="It is rated {v}.",
    ),
    "rating": Rule(
        topic=_RATING_WORDS,
        forms=(
            {name: f"{name}(?= ratings?| reviews?)" for name in ("excellent", "good", "average", "poor")},
            {name: f"{name}(?= [a-z])" for name in ("excellent", "good", "average", "poor")},
            {"good": r"liked(?= [A-Z])", "poor": r"disliked(?= [A-Z])"},
            {"excellent": r"loved(?= [A-Z])", "poor": r"hated(?= [A-Z])"},
        ),
        unlike={
            **{"excellent": ("average", "poor"), "good": ("poor",)},
            **{"average": ("excellent", "poor"), "poor": ("excellent", "good", "average")},
        },
        window=10,
        cuts=(
            r"(?:(?<=\ba )|(?<=\ban )){p} (?!ratings?|reviews?)=>",
            (
                rf",? (?:with|and has|and received|and has received|that received) (?:an? )?{{p}} "
                rf"(?:ratings?|reviews?){_END}=>"
            ),
        ),
        sentence="It has received {v} ratings.",
    ),
    "genres": Rule(
        items=True,
        topics=_GENRES,
        topic="|".join((*_GENRES.values(), "genre")),
        forms=(
            {"shooter": "shooter", "platformer": "platformer"},
            {"real-time strategy": "real-time strategy", "turn-based strategy": "turn-based strategy"},
            {name: re.escape(name) for name in _KINDS_OF_GAMES},
            {name: re.escape(name) for name in ("MMORPG", "text adventure", "action-adventure", "trivia/board game")},
        ),
        unlike={
            **{"sport": ("music", "puzzle", "pinball", "hack-and-slash", "role-playing")},
            **{"tactical": ("music", "sport", "pinball"), "strategy": ("music", "sport", "pinball", "fighting")},
            **{"arcade": ("role-playing", "music", "hack-and-slash"), "indie": ("music", "sport", "pinball")},
            **{"driving/racing": ("music", "puzzle", "pinball"), "vehicular combat": ("music", "puzzle", "pinball")},
            **{"fighting": ("music", "puzzle", "pinball"), "simulation": ("music", "pinball", "hack-and-slash")},
            **dict.fromkeys(
                ("action-adventure", "MMORPG", "text adventure", "trivia/board game"), ("music", "sport", "pinball")
            ),
        },
        cuts=(rf"(?<= ){{p}},? {_KIND_FOLLOWS}=>",),
        sentence="It belongs to the {v} genre.",
    ),
    "platforms": Rule(
        items=True,
        topics=_PLATFORMS,
        topic="|".join(_PLATFORMS.values()),
        forms=(dict(zip(_PLATFORMS, _PLATFORMS, strict=True)),),
        unlike={
            **{"PlayStation": ("Xbox", "PC", "Nintendo"), "Xbox": ("PlayStation", "PC", "Nintendo")},
            **{"PC": ("PlayStation", "Xbox", "Nintendo"), "Nintendo": ("PlayStation", "Xbox", "PC")},
            **{"Nintendo Switch": ("PlayStation", "Xbox", "PC")},
        },
        cuts=(
            r"(?<= ){p}, (?=(?:and )?(?:PlayStation|Xbox|PC|Nintendo)\b)=>",
            r" (?:on|for)(?: the)? {p}(?: only)?(?=[.,?!]|$)(?!, (?:and |PlayStation|Xbox|PC|Nintendo))=>",
            r"(?<= ){p} (?=games?\b)=>",
        ),
        sentence="It is available on {v}.",
    ),
    "player_perspective": Rule(
        items=True,
        topics=_PERSPECTIVES,
        topic="|".join((*_PERSPECTIVES.values(), r"perspective|\bviews?\b|\bperson\b|camera|angle")),
        forms=(
            {"bird view": "bird's eye view", **{name: f"{name} view" for name in ("third person", "first person")}},
            {name: name.replace(" ", "[- ]") for name in _PERSPECTIVES},
        ),
        cuts=(
            r"(?<= ){p},? (?!perspective|view|point|camera|and\b|or\b|game\?)(?=[a-z])=>",
            (
                rf",? (?:and )?(?:(?:is |are |that is |that's )?(?:played |playable |viewed |seen )?"
                rf"(?:from|in|with)) (?:an? |the )?{{p}}(?: player)?(?: perspective| view)?{_END}=>"
            ),
        ),
        sentence="It is played in {v}.",
    ),
    "has_multiplayer": Rule(
        topic=r"multi-?player|single-?player|co-?op\b|friends|online|\bsolo|MMO|massive|players|alone",
        cuts=(
            rf"(?<= )(?:multiplayer|single-player),? {_KIND_FOLLOWS}=>",
            rf",? (?:with|and has|but has|and) (?:no |a )?multiplayer(?: mode)?{_END}=>",
        ),
        sentence={"yes": "It has multiplayer.", "no": "It has no multiplayer."},
    ),
    "available_on_steam": Rule(
        topic=r"steam",
        cuts=(
            rf",? but not on Steam{_END}=>",
            rf"(?:(?<=available)|(?<=games)|(?<=get it)) (?:on|through|via) Steam{_END}=>",
        ),
        sentence={"yes": "It is available on Steam.", "no": "It is not available on Steam."},
    ),
    "has_linux_release": Rule(
        topic=r"linux",
        cuts=(rf",? but (?:not (?:on|for)|has no) Linux(?: or Mac)?(?: release)?{_END}=>",),
        sentence={"yes": "It has a Linux release.", "no": "It has no Linux release."},
    ),
    "has_mac_release": Rule(
        topic=r"\bmacs?\b|macintosh|apple|mac ?os|\bOS X",
        cuts=(rf",? but (?:not (?:on|for)|has no) Mac(?: or Linux)?(?: release)?{_END}=>",),
        sentence={"yes": "It has a Mac release.", "no": "It has no Mac release."},
    ),
    "specifier": Rule(
        cuts=(
            (
                r"(?:(?<=the )most |(?<= )){p} (?=(?:PC |Xbox |PlayStation |multiplayer |"
                r"single-player )?[a-z-]* ?games?\b)=>"
            ),
        )
    ),
}

MORE_DATES = ("March 3, 2020", "May 12, 2019", "January 25, 2019")  # a split has few

# Words of a request, by meaning; a word is exchanged for one of another line only. Others are not exchanged.
SPECIFIERS = (
    ("boring", "dull", "uninteresting", "mindless", "disappointing", "terrible", "annoying", "frustrating"),
    ("scary", "frightening"),
    ("sad", "tearjerking"),
    ("challenging", "complicated", "over-complicated", "confusing"),
    ("relaxing", "calming"),
    ("beautiful", "stunning", "colorful"),
    ("cheap",),
    ("expensive",),
    ("realistic",),
    ("funny", "goofy"),
    ("controversial",),
    ("addictive",),
    ("lengthy",),
    ("nauseating", "revolting"),
    ("unfair",),
    ("buggy", "broken"),
)
