"""How cleaned E2E's values are put into words; from its training and validation splits alone.

The cleaned data were made by dropping from the original ones what a script could not find in the text. It missed
wordings ("in the mid price range", "children are not permitted"), so about 2 % of what the texts truly say is not in
the data, and it took "average rating" for a moderate price, so some data have two prices of which the text has one.
Both count as errors here: a system that says what the data lack invents it. Published aligners look for the slots of
the data alone and cannot see the former.

Held against a text are words that leave no doubt. "Great food" says nothing of the rating, "in the city" nothing of the
centre, "restaurants" in general nothing of this one: such words can only satisfy a value that the data have.
"""

from collections.abc import Iterable

from datatuner.alignment.own_slots import known_values
from datatuner.alignment.slot_rules import Names, Phrases, Rule, YesNo
from datatuner.example import Example

_CHILDREN = r"(?:kids?|child|children|childs|famil(?:y|ies)|youngsters?|toddlers?|under 18s|minors?)"
_FIT = r"(?:friendly|friendliness|friends|oriented|suitable|welcoming|appropriate|ok(?:ay)?|orientated|based)"
_COST = r"(?:pric\w+|costs?)"
_IS = r"(?:is|are|was|were|being|:)(?: (?:quite|very|fairly|pretty|rather|just|an?|only|around))?"
_RATED = r"(?:rat(?:e|es|ed|ing|ings)|review\w*|scor\w+|satisf\w+)"
_SAYS = (  # between "rating" and what it is
    r"(?:,? (?:is|are|was|were|being|has been|of|as|it|them|at|its|this|the \w+|only|rather|quite|very|fairly|pretty|"
    r"just|an?|:))*"
)
_BY = r"(?: customers?'?s?| costumers?| user| overall| quality| guest| consumer| service| satisfaction| approval)*"
_POUNDS = r"[£lL#]? ?"
_CENTRE = r"(?:cent(?:re|er|ral)|centr)"

RULES: dict[str, Rule] = {
    "eatType": Phrases(
        {
            "restaurant": r"restaurant",
            "coffee shop": r"(?:coffee|sushi) shops?|coffee ?houses?|cafes?|coffee (?:place|venue|bar|establishment)s?",
            "pub": r"pub",
        },
        weak={"coffee shop": r"coffee", "restaurant": r"restaurants|eatery|place|bistro|diner", "pub": r"pubs|bar"},
        repeats="sentence",
    ),
    "food": Phrases(
        {
            "Chinese": r"chinese?|chines",
            "English": r"english|british",
            "Fast food": r"fast ?foods?",
            "French": r"french",
            "Indian": r"indian",
            "Italian": r"italian|pasta",
            "Japanese": r"japanese|sushi",
        },
        weak={"English": r"fish and chips|traditional", "Fast food": r"burgers?|junk food"},
    ),
    "priceRange": Phrases(
        {
            "": rf"(?:moderate(?:ly)?|mid(?:dle)? rang\w+|fair(?:ly)?|decent){_BY} {_RATED}",
            "cheap|less than £20": (
                rf"cheap(?:er|ly)?|inexpensive(?:ly)?|low(?:er|ly)? (?:{_COST}|budget)|{_COST} (?:range )?{_IS} low|"
                rf"low in (?:price|cost)|(?:less|lower|cheaper) (?:than|then) {_POUNDS}20|(?:under|below) {_POUNDS}20|"
                r"(?:not|n't) (?:be )?(?:too |very )?(?:break|expensive)|(?:low )?budget"
            ),
            "cheap|less than £20|moderate|£20-25": (
                r"affordabl[ey]|reasonable|reasonably(?! (?:good|well|high|rated|expensive))|well priced|"
                r"(?:decent|good|great)(?:ly)? pric\w+"
            ),
            "moderate|£20-25": (
                rf"moderat(?:e|ely|ed)(?: {_COST})?|mid(?:dle)? (?:rang\w+|{_COST})|medium {_COST}|fair(?:ly)? {_COST}|"
                rf"average(?:ly)? {_COST}|{_COST} (?:range )?{_IS} (?:average|moderate|reasonable)|average in price|"
                rf"{_POUNDS}20 ?(?:-|to|and) ?{_POUNDS}25"
            ),
            "high|more than £30": (
                rf"expensive|high(?:er|ly)?(?: end| class)? {_COST}|{_COST} (?:range )?{_IS} high|pricey|"
                rf"(?:more|greater|higher) (?:than|then) {_POUNDS}30|(?:over|above) {_POUNDS}30|costly|upscale|"
                rf"high range|"
                rf"above average {_COST}|high in (?:price|cost)"
            ),
            "high|more than £30|moderate|£20-25": (
                r"(?:not|n't) (?:(?!only|just)\w+ )?(?:cheap|inexpensive|affordable|low pric\w+|cheapest)"
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
                rf"(?:1|one) ?(?:out ?of|of|/) ?(?:5|five)|(?:1|one) stars?|(?:low|poor|bad)(?:ly)?{_BY} {_RATED}|"
                rf"low quality|"
                rf"{_RATED}{_SAYS} (?:low|poor|poorly|bad|badly|1|one)|"
                rf"(?:not|n't) (?:\w+ ){{0,3}}(?:good|great|high|highly|well|best){_BY} {_RATED}|"
                r"(?:not|n't) (?:be )?(?:rated|recommended|reviewed)(?: very| so| too)? (?:well|highly|high)"
            ),
            "average|3 out of 5": (
                r"(?:3|three) ?(?:out ?of|of|/) ?(?:5|five)?|(?:3|three) stars?|"
                rf"(?:average(?:ly)?|mediocre|ok(?:ay)?|mixed|moderate(?:ly)?|fair){_BY} {_RATED}|"
                rf"{_RATED}{_SAYS} (?:average(?:ly)?|ok(?:ay)?|mediocre|3|three)"
            ),
            "average|3 out of 5|high|5 out of 5": (
                rf"(?:good|decent|nice){_BY} {_RATED}|{_RATED}{_SAYS} (?:good|decent)"
            ),
            "high|5 out of 5": (
                r"(?:5|five) ?(?:out ?of|of|/) ?(?:5|five)|(?:5|five) stars?|"
                r"(?:high|highly|great|excellent|perfect|best|top|"
                rf"well|outstanding|fantastic|superb|higher|amazing|exceptional){_BY} (?:{_RATED}|recommended|"
                rf"regarded)|"
                rf"{_RATED}{_SAYS} (?:high|highly|excellent|great|5|five|well)"
            ),
        },
        weak={
            "low|1 out of 5": r"low|poor|1|one|bad|badly|worst",
            "average|3 out of 5": r"average|mediocre|3|three|ok(?:ay)?|decent|moderate",
            "high|5 out of 5": r"high(?:ly)?|good|great|5|five|excellent|best|well|perfect|top|loved?",
        },
    ),
    "area": Phrases(
        {
            "city centre": (
                rf"(?:city|town)(?:'s)? {_CENTRE}|cent(?:re|er) of (?:the )?(?:city|town)|downtown|central"
            ),
            "riverside": (
                r"river ?(?:side|bank|front)|(?:by|on|near|along|beside|at|off|overlooking|next to) (?:the |a )?"
                r"(?:banks? of the )?river\w*|waterfront|river"
            ),
        },
        weak={"city centre": r"cent(?:re|er)|city", "riverside": r"water"},
    ),
    "familyFriendly": YesNo(
        rf"{_CHILDREN}(?: {_FIT})?|all ages|everyone",
        no=(
            r"adults? (?:only|oriented|friendly|establishment|atmosphere|venue)|only (?:for )?adults?|child free|"
            rf"un(?:suitable|friendly|family) (?:for |to )?{_CHILDREN}|{_CHILDREN} un\w+|{_CHILDREN} free|"
            r"(?:for )?grown ?ups?|over 18s?|for adults|adult establish\w*|no go for famil\w+|no children policy"
        ),
        nothing=r"for adults (?:as well|and|too|or)",
    ),
}


def rules(train: Iterable[Example]) -> dict[str, Rule]:
    """The table, with the names of the training split."""
    known = known_values((example.source for example in train), ("name", "near"))
    return {**RULES, "name": Names(known["name"], repeats="sentence"), "near": Names(known["near"])}
