"""The words of the demo corpus: what a slot may hold and how a text may say it. Knows no randomness and no sentences.

A text mentions every value as the source writes it ("12.5 km", "1987", "4 out of 5"), with two exceptions:
`sights` becomes a list with articles ("waterfall, old mill": "a waterfall and an old mill"), and the yes/no slots
`dogs` and `camping` are phrases of their own, one or both at a time, the keys with "=" in `FORMS`.
"""

from typing import NamedTuple

NAME_STARTS = """Alder Amber Aspen Badger Birch Bracken Bramble Briar Clover Copper Dapple Elder Ember Falcon Feather
    Finch Fox Gorse Hazel Heather Heron Juniper Kestrel Lapwing Larch Lark Linnet Mallow Marten Nettle Otter Pepper
    Plover Rowan Sedge Silver Sorrel Swift Tansy Teasel Thistle Thorn Timber Velvet Whin Willow Wren Yarrow"""
NAME_ENDS = """barrow beck brook burgh by cliff combe cote croft dale den fell field ford garth gate ham haven holm
    hurst keld land ley mere ness rigg scar shaw stead stock stow thorpe thwaite wick wood worth"""
NAME_KINDS = "Link Path Round Trail Way"
NAME_PARTS = tuple(tuple(words.split()) for words in (NAME_STARTS, NAME_ENDS, NAME_KINDS))

TYPES = (
    "canal walk",
    "circular walk",
    "coastal path",
    "forest trail",
    "heritage trail",
    "island walk",
    "moorland path",
    "ridge walk",
    "riverside path",
    "upland trail",
)
REGIONS = (
    "Calder Vale",
    "Darrow Downs",
    "Eastmarch",
    "Gallan Lakes",
    "Lower Strand",
    "Merrin Valley",
    "Northwold",
    "Old Carrick",
    "Perrinshire",
    "Sable Hills",
    "Upper Vane",
    "Westerlee",
)
REGIONS_WITH_THE = ("Downs", "Hills", "Lakes", "Vale", "Valley")
SIGHTS = (
    "abbey",
    "bird hide",
    "chapel",
    "hill fort",
    "ice house",
    "lighthouse",
    "observatory",
    "old mill",
    "orchard",
    "quarry",
    "reservoir",
    "ruined castle",
    "standing stone",
    "stone bridge",
    "viaduct",
    "waterfall",
)
HALVES = tuple(str(n // 2) if n % 2 == 0 else f"{n / 2}" for n in range(4, 61))
VALUES: dict[str, tuple[str, ...]] = {
    "type": TYPES,
    "region": REGIONS,
    "length": tuple(f"{n} km" for n in HALVES),
    "climb": tuple(f"{n} m" for n in range(60, 1260, 20)),
    "opened": tuple(str(year) for year in range(1921, 2021)),
    "dogs": ("yes", "no"),
    "camping": ("yes", "no"),
    "rating": tuple(f"{n} out of 5" for n in HALVES[:7]),
}
USUAL_ORDER = ("region", "length", "climb", "sights", "opened", "dogs", "camping", "rating")  # of a text; not strict


class Forms(NamedTuple):
    """Templates of one slot; `{v}` is the value in words, `{noun}` what the walk is called ("trail", "path" ...)."""

    verbs: tuple[str, ...]  # after a subject, or after "that"
    clauses: tuple[str, ...] = ()  # sentences of their own
    posts: tuple[str, ...] = ()  # after "a coastal path in Northwold"
    fronts: tuple[str, ...] = ()  # before a comma and the subject


FORMS: dict[str, Forms] = {
    "region": Forms(
        verbs=("lies in {v}", "is located in {v}", "can be found in {v}", "runs through {v}"),
        posts=("in {v}",),
        fronts=("located in {v}", "set in {v}"),
    ),
    "length": Forms(
        verbs=("is {v} long", "measures {v}", "stretches for {v}", "covers {v}"),
        clauses=("the total distance is {v}", "the full length is {v}"),
        posts=("with a length of {v}",),
        fronts=("stretching for {v}", "with a length of {v}"),
    ),
    "climb": Forms(
        verbs=("climbs {v}", "gains {v} in height", "involves {v} of climbing"),
        clauses=("the total climb is {v}", "walkers have to climb {v}"),
        posts=("with {v} of climbing", "with a climb of {v}"),
        fronts=("with {v} of climbing", "with a climb of {v}"),
    ),
    "opened": Forms(
        verbs=("opened in {v}", "was opened in {v}", "has been open since {v}"),
        clauses=("the opening took place in {v}", "the year of opening was {v}"),
        posts=("opened in {v}", "dating from {v}"),
        fronts=("opened in {v}", "dating from {v}"),
    ),
    "sights": Forms(
        verbs=("passes {v}", "leads past {v}", "takes in {v}"),
        clauses=("walkers pass {v}", "the sights along the way include {v}"),
        posts=("past {v}", "passing {v}"),
        fronts=("passing {v}",),
    ),
    "rating": Forms(
        verbs=("is rated {v}", "has a rating of {v}", "scores {v}"),
        clauses=("walkers give the {noun} {v}", "the rating is {v}"),
        posts=("rated {v}", "with a rating of {v}"),
        fronts=("rated {v}", "with a rating of {v}"),
    ),
    "dogs=yes": Forms(
        verbs=("allows dogs", "welcomes dogs", "is open to dogs"),
        clauses=("dogs are allowed", "dogs are welcome", "you can bring a dog"),
        fronts=("open to dogs",),
    ),
    "dogs=no": Forms(
        verbs=("does not allow dogs", "bans dogs", "is closed to dogs"),
        clauses=("dogs are not allowed", "no dogs are allowed", "you cannot bring a dog", "dogs have to stay at home"),
        fronts=("closed to dogs",),
    ),
    "camping=yes": Forms(
        verbs=("allows camping", "permits camping"),
        clauses=("camping is allowed", "camping is permitted", "you can camp along the way", "tents are welcome"),
    ),
    "camping=no": Forms(
        verbs=("does not allow camping", "forbids camping"),
        clauses=(
            "camping is not allowed",
            "camping is forbidden",
            "you cannot camp along the way",
            "no tents are allowed",
        ),
    ),
    "dogs=yes camping=yes": Forms(
        verbs=("allows both dogs and camping", "is open to dogs and tents"),
        clauses=("both dogs and tents are welcome", "dogs are allowed, and so is camping"),
    ),
    "dogs=yes camping=no": Forms(
        verbs=("allows dogs but not camping", "welcomes dogs but forbids camping"),
        clauses=("dogs are welcome, but tents are not", "although dogs are allowed, camping is forbidden"),
    ),
    "dogs=no camping=yes": Forms(
        verbs=("allows camping but not dogs", "permits camping but is closed to dogs"),
        clauses=("camping is allowed, but dogs are not", "you can camp along the way but cannot bring a dog"),
    ),
    "dogs=no camping=no": Forms(
        verbs=("allows neither dogs nor camping", "does not allow dogs or camping"),
        clauses=("neither dogs nor tents are welcome", "dogs are not allowed, and neither is camping"),
    ),
}
