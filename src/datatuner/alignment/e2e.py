"""How cleaned E2E's values are put into words; from its training and validation splits alone."""

from collections.abc import Iterable

from datatuner.alignment.slots import Names, Phrases, Rule, YesNo
from datatuner.example import Example, SlotValues

_CHILDREN = r"(?:kids?|child|children|famil(?:y|ies)|youngsters?|toddlers?|under 18s|minors?)"
_FIT = r"(?:friendly|friendliness|oriented|suitable|welcoming|appropriate|ok(?:ay)?|orientated|based)"

RULES: dict[str, Rule] = {
    "eatType": Phrases(
        {
            "restaurant": r"restaurants?",
            "coffee shop": r"(?:coffee|sushi) shops?|coffee ?houses?|caf[eé]s?|coffee (?:place|venue|bar|establishment)s?",
            "pub": r"pubs?",
        },
        weak={"coffee shop": r"coffee", "restaurant": r"eatery|place|bistro|diner", "pub": r"bar"},
    ),
    "food": Phrases(
        {
            "Chinese": r"chinese?|chines",
            "English": r"english|british",
            "Fast food": r"fast foods?|fastfood",
            "French": r"french",
            "Indian": r"indian",
            "Italian": r"italian|pasta",
            "Japanese": r"japanese|sushi",
        },
        weak={"English": r"fish and chips|traditional", "Fast food": r"burgers?|junk food"},
    ),
    "priceRange": Phrases(
        {
            "cheap|less than £20": (
                r"cheap(?:er|ly)?|inexpensive(?:ly)?|low(?:er|ly)? (?:cost|pric\w+|budget)|(?:pric\w+|costs?) (?:range )?(?:is|are) "
                r"(?:quite |very )?low|low in price|(?:less|lower|cheaper) (?:than|then) [£lL]? ?20|under [£lL]? ?20|"
                r"below [£lL]? ?20|(?:not|n't|won't) (?:be )?(?:too )?(?:break|expensive)|budget"
            ),
            "cheap|less than £20|moderate|£20-25": r"affordabl[ey]|reasonabl[ey]|well priced|decent(?:ly)? pric\w+",
            "moderate|£20-25": (
                r"moderat(?:e|ely|ed)|mid(?:dle)? (?:rang\w+|pric\w+)|medium pric\w+|fair(?:ly)? pric\w+|"
                r"average(?:ly)? (?:pric\w+|cost)|pric\w+ (?:range )?(?:is|are) (?:average|moderate|reasonable)|"
                r"[£lL]? ?20 ?(?:-|to|and|–) ?[£lL]? ?25|average in price"
            ),
            "high|more than £30": (
                r"expensive|high(?:er|ly)?(?: end| class)? (?:pric\w+|cost)|pric(?:e|es|ing) (?:range )?(?:is|are) (?:quite |very )?high|"
                r"pricey|(?:more|greater|higher) than [£lL]? ?30|over [£lL]? ?30|above [£lL]? ?30|above average (?:pric\w+|cost)|"
                r"high in price|costly|upscale|high range"
            ),
        },
        weak={
            "cheap|less than £20": r"low|20",
            "moderate|£20-25": r"average|moderate|medium|fair|affordable|mid|normal|standard",
            "high|more than £30": r"high(?:er)?|30|premium|fine",
        },
    ),
    "customer rating": Phrases(
        {
            "low|1 out of 5": (
                r"(?:1|one) ?(?:out of|of|/) ?(?:5|five)|(?:1|one) stars?|(?:low|poor|bad|badly|poorly)(?: customer| costumer)? "
                r"(?:rat\w+|review\w*|scor\w+|satisf\w+)|low quality|(?:rat\w+|reviews?)(?: is| are|:) (?:very |quite )?(?:low|poor|bad)|"
                r"rated (?:low|poor|poorly|badly|1|one)"
            ),
            "average|3 out of 5": (
                r"(?:3|three) ?(?:out of|of|/) ?(?:5|five)?|(?:3|three) stars?|(?:average|mediocre|ok(?:ay)?|decent|mixed|moderate)"
                r"(?: customer| costumer)? (?:rat\w+|review\w*|scor\w+|satisf\w+)|rated (?:as )?(?:average|averagely|3|three)|"
                r"(?:rat\w+|reviews?)(?: is| are|:) (?:just )?average"
            ),
            "high|5 out of 5": (
                r"(?:5|five) ?(?:out of|of|/) ?(?:5|five)|(?:5|five) stars?|(?:high|highly|great|good|excellent|perfect|best|top|well|"
                r"outstanding|fantastic|superb)(?: customer| costumer)? (?:rat\w+|review\w*|scor\w+|satisf\w+|recommended|regarded)|"
                r"(?:rat\w+|reviews?)(?: is| are|:) (?:very |quite )?(?:high|good|excellent|great)|rated (?:very )?(?:highly|high|5|five|well)"
            ),
        },
        weak={
            "low|1 out of 5": r"low|poor|1|one|bad|badly|worst",
            "average|3 out of 5": r"average|mediocre|3|three|ok(?:ay)?|decent|moderate",
            "high|5 out of 5": r"high(?:ly)?|good|great|5|five|excellent|best|quality|well|perfect|top|love",
        },
    ),
    "area": Phrases(
        {
            "city centre": r"(?:city|town)(?:'s)? (?:cent(?:re|er)|centr)|cent(?:re|er) of (?:the )?(?:city|town)|(?:in|the) city|downtown|central",
            "riverside": r"riverside|river ?side|(?:by|on|near|along|beside|at|off|overlooking|next to) (?:the |a )?(?:banks? of the )?river\w*|"
            r"riverbank|waterfront|river",
        },
        weak={"city centre": r"cent(?:re|er)|city", "riverside": r"water"},
    ),
    "familyFriendly": YesNo(
        rf"{_CHILDREN}(?: {_FIT})?|all ages|everyone",
        no=(
            r"adults?(?: only| oriented| friendly| establishment| atmosphere)?|only (?:for )?adults?|child free|"
            rf"un(?:suitable|friendly|family) (?:for |to )?{_CHILDREN}|{_CHILDREN} un\w+|grown ?ups?|over 18s?"
        ),
    ),
}


def rules(train: Iterable[Example]) -> dict[str, Rule]:
    """The table, with the names of the training split."""
    known: dict[str, set[str]] = {"name": set(), "near": set()}
    for example in train:
        if isinstance(example.source, SlotValues):
            for slot in example.source.slots:
                if slot.name in known:
                    known[slot.name].add(slot.value)
    return {**RULES, **{name: Names(frozenset(values)) for name, values in known.items()}}
