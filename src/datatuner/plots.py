"""Compared tables -> figures: quality against fidelity, by attribute, learning curves, and what the n-best lists hold.

A row, and a kind of states, has the same colour in all of them. No figure is shown or kept by matplotlib itself.
"""

import csv
import io
import re
import statistics
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from datatuner.comparison import TITLES, Compared
from datatuner.highlighting import clipped
from datatuner.lineage import intact, made_from
from datatuner.metrics.corpus_metrics import Metric
from datatuner.rows import Row, Table
from datatuner.stages import METRICS_CSV, read_plan

MARKERS = "osD^vP*X"
MOST_VALUES = 20  # of an attribute, the most frequent ones
FIDELITY = ("ser", "coverage", "accurate")  # the first that a table has stands beside BLEU
CAPTIONS = {
    "fidelity": "Quality against fidelity: means over seeds, pale points single seeds; 95 % intervals over inputs.",
    "n_best": "Where the n-best lists have their first accurate text; grey is what no reranking can mend.",
    "learning": "Learning curves, a line for each training.",
    "by": "Means over seeds, with the 95 % interval of one seed (its bounds' mean).",
}
INK = "#010203"  # of text and axes: `inline` makes it the page's own colour
# Okabe and Ito's, which the colour-blind tell apart too; for their yellow, pale on white, Tol's wine.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", INK, "#882255")
STYLE: Any = {
    "svg.fonttype": "none",
    "pdf.fonttype": 42,  # TrueType, which publishers ask for
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}


def plots(result: Compared) -> dict[str, Figure]:
    """Every figure that the table has the numbers for, by a name for its file."""
    found = {"fidelity": fidelity(result), "n_best": n_best(result), "learning": learning_curves(result)}
    for attribute in attributes(result.table):
        found["by_" + re.sub(r"[^\w-]+", "_", attribute)] = breakdown(result, attribute)
    return {name: figure for name, figure in found.items() if figure is not None}


def fidelity(result: Compared) -> Figure | None:
    """BLEU against slot errors (or coverage, or the accurate share): a point for each row, with intervals over inputs,
    and a pale one for each seed; None without both.
    """
    across = next((name for name in FIDELITY if name in result.metrics), None)
    if across is None or "bleu" not in result.metrics:
        return None
    figure, (axes,) = _figure(1, 7.4)
    for place, row in enumerate(result.table.rows):
        x, y = result.score(row.name, across), result.score(row.name, "bleu")
        if x is None or y is None:
            continue
        style = _style(place)
        shared = [seed for seed in x.by_seed if seed in y.by_seed]
        if len(shared) > 1:
            seeds = [x.by_seed[seed] for seed in shared], [y.by_seed[seed] for seed in shared]
            axes.plot(*seeds, linestyle="", alpha=0.35, markersize=4, **style)
        spans: Any = {"xerr": _span(x.pooled, x.mean), "yerr": _span(y.pooled, y.mean)}
        axes.errorbar(x.mean, y.mean, **spans, label=_plain(row.name), capsize=2, linestyle="", **style)
    axes.set_xlabel(f"{TITLES[across]} ({'lower' if across == 'ser' else 'higher'} is better)")
    axes.set_ylabel("BLEU")
    _legend(figure, axes, "right upper")
    return figure


def attributes(table: Table) -> list[str]:
    """The attributes that evaluations have scores by, such as "category" and "size"."""
    found = (name for row in table.rows for each in row.seeds.values() for name in each.content["breakdown"])
    return list(dict.fromkeys(found))


def breakdown(result: Compared, attribute: str) -> Figure | None:
    """BLEU and fidelity by an attribute's values: means over seeds, with one seed's 95 % interval (its bounds' mean).

    Numbers are in their order, other values by how many inputs have them, at most MOST_VALUES.
    """
    names = [name for name in ("bleu", *FIDELITY) if name in result.metrics][:2]
    values = _values(result.table, attribute)
    if not names or len(values) < 2:
        return None
    rows = result.table.rows
    figure, panels = _figure(len(names), 4.6, height=1.2 + (0.15 + 0.07 * len(rows)) * len(values))
    for axes, name in zip(panels, names, strict=True):
        for place, row in enumerate(rows):
            shift = (place - (len(rows) - 1) / 2) * 0.7 / len(rows)
            _points(axes, row, attribute, values, name, shift, {"label": _plain(row.name), **_style(place)})
        first = axes is panels[0]
        words = [_plain(f"{clipped(value)} ({n})") if first else "" for value, n in values.items()]
        axes.set_yticks(range(len(values)), words)
        axes.invert_yaxis()
        axes.set_xlabel(TITLES[name])
        axes.grid(axis="x", alpha=0.25)
    panels[0].set_ylabel(_plain(f"{attribute} (inputs)"))
    _legend(figure, panels[-1], "right upper")
    return figure


def _values(table: Table, attribute: str) -> dict[str, int]:
    """The attribute's most frequent values with their inputs, in the order of the plot."""
    counts: dict[str, int] = {}
    for row in table.rows:
        for evaluation in row.seeds.values():
            for value, metrics in evaluation.content["breakdown"].get(attribute, {}).items():
                counts.setdefault(value, max((metric["n"] for metric in metrics.values()), default=0))
    kept = sorted(counts, key=lambda value: -counts[value])[:MOST_VALUES]
    with suppress(ValueError):  # not all of them are numbers
        kept.sort(key=float)
    return {value: counts[value] for value in kept}


def _points(
    axes: Axes, row: Row, attribute: str, values: Sequence[str] | Mapping[str, int], name: str, shift: float, style: Any
) -> None:
    x, y, lows, highs = [], [], [], []
    for place, value in enumerate(values):
        by_seed = [each.content["breakdown"].get(attribute, {}).get(value, {}) for each in row.seeds.values()]
        found = [metrics[name] for metrics in by_seed if metrics.get(name, {}).get("value") is not None]
        if found:
            mean, low, high = (statistics.fmean(metric[key] for metric in found) for key in ("value", "low", "high"))
            x.append(mean)
            y.append(place + shift)
            lows.append(max(0.0, mean - low))
            highs.append(max(0.0, high - mean))
    axes.errorbar(x, y, xerr=[lows, highs], linestyle="", capsize=1.5, elinewidth=0.8, **style)


def learning_curves(result: Compared) -> Figure | None:
    """Training loss, validation loss and validation BLEU by step, a line for each training; None where none is left."""
    trainings = _trainings(result.table)
    kinds = list(dict.fromkeys(states for states, _ in trainings.values()))
    names = ("train/loss", "val/loss", "val/bleu")
    shown = [name for name in names if any(name in curves for _, curves in trainings.values())]
    if not shown:
        return None
    figure, panels = _figure(len(shown), 3.6)
    for axes, name in zip(panels, shown, strict=True):
        labelled = set()
        for states, curves in trainings.values():
            if name in curves:
                place = kinds.index(states)
                label = None if states in labelled else f"{states} states"
                marker: Any = {} if name.startswith("train") else {"marker": MARKERS[place], "markersize": 4}
                axes.plot(*curves[name], color=COLOURS[place], linewidth=1, alpha=0.8, label=label, **marker)
                labelled.add(states)
        axes.set_title(name, fontsize="medium")
        axes.set_xlabel("step")
    panels[0].set_yscale("log")
    _legend(figure, panels[0])
    return figure


def _trainings(table: Table) -> dict[Path, tuple[str, dict[str, tuple[list[int], list[float]]]]]:
    """Each training of the rows, by its folder: its states, and (steps, values) of each curve."""
    made = [made_from(each.folder).get("train") for row in table.rows for each in row.seeds.values()]
    folders = dict.fromkeys(folder for folder in made if folder is not None and (folder / METRICS_CSV).is_file())
    return {
        folder: (read_plan(folder)["config"]["states"], _curves(intact(folder / METRICS_CSV))) for folder in folders
    }


def _curves(path: Path) -> dict[str, tuple[list[int], list[float]]]:
    curves: dict[str, tuple[list[int], list[float]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for name, value in row.items():
                if name not in ("epoch", "step") and value:
                    steps, values = curves.setdefault(name, ([], []))
                    steps.append(int(row["step"]))
                    values.append(float(value))
    return curves


def n_best(result: Compared) -> Figure | None:
    """How many inputs have their first accurate text at which place of the beam, and how many have none; None for
    systems without lists. Means over seeds.
    """
    shares = {row.name: share for row in result.table.rows if (share := _first_accurate(row))}
    if not shares:
        return None
    places = sorted({place for share in shares.values() for place in share if place})
    figure, (axes,) = _figure(1, 7.2, height=1.4 + 0.4 * len(shares))
    left = dict.fromkeys(shares, 0.0)
    # From dark to pale blue by place; what no reranking can mend is grey.
    shades = [mpl.colormaps["Blues"](0.85 - 0.7 * number / max(1, len(places) - 1)) for number in range(len(places))]
    for place, colour in [*zip(places, shades, strict=True), (0, "#999999")]:
        widths = [share.get(place, 0.0) for share in shares.values()]
        label = f"place {place}" if place else "none accurate"
        axes.barh(list(map(_plain, shares)), widths, left=list(left.values()), color=colour, label=label)
        left = {name: left[name] + width for name, width in zip(shares, widths, strict=True)}
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("inputs, %, by the place of the first accurate text in the beam")
    _legend(figure, axes)
    return figure


def _first_accurate(row: Row) -> dict[int, float]:
    """Percent of inputs by the place of their first accurate text, from 1; place 0: none."""
    lists = [each.content.get("n_best", {}) for each in row.seeds.values()]
    lists = [each for each in lists if "rank_of_first_accurate" in each]
    total: dict[int, float] = {}
    for found in lists:
        without = found["inputs_without_accurate"]
        counts = {int(place): count for place, count in found["rank_of_first_accurate"].items()}
        shares = {place: (1 - without) * count / sum(counts.values()) for place, count in counts.items()}
        for place, share in {**shares, 0: without}.items():
            total[place] = total.get(place, 0.0) + 100 * share / len(lists)
    return total


def _figure(panels: int, width: float, height: float = 3.6) -> tuple[Figure, list[Axes]]:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width * panels, height))
        return figure, [figure.add_subplot(1, panels, number + 1) for number in range(panels)]


def _legend(figure: Figure, axes: Axes, where: str = "upper center") -> None:
    """Beside the panels, where no point can lie under it; above them in one line."""
    handles, labels = axes.get_legend_handles_labels()
    place: Any = f"outside {where}"
    columns = 1 if where.startswith("right") else len(labels)
    with mpl.rc_context(STYLE):
        figure.legend(handles, labels, fontsize="small", loc=place, ncols=columns)


def _plain(text: str) -> str:
    """Words of data and folders: no formula between two dollars, no label that is hidden for its "_"."""
    return re.sub("^_", "\u200b_", text).replace("$", r"\$")


def _style(place: int) -> dict[str, Any]:
    return {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}


def _span(pooled: Metric, mean: float) -> list[list[float]]:
    """The interval as matplotlib wants it: distances from the mean."""
    assert pooled.low is not None
    assert pooled.high is not None
    return [[max(0.0, mean - pooled.low)], [max(0.0, pooled.high - mean)]]


def svg(figure: Figure, name: str) -> str:
    """The figure as a document; `name` keeps its ids from those of other figures on a page."""
    return _drawn(figure, "svg", name).decode("utf-8")


def pdf(figure: Figure) -> bytes:
    return _drawn(figure, "pdf", "")


def caption(name: str) -> str:
    """What the figure of this name shows."""
    return CAPTIONS["by" if name.startswith("by_") else name]


def inline(document: str) -> str:
    """An `<svg>` element for a page, of `svg`'s document: text and axes have the colour of the text around it."""
    return document[document.index("<svg") :].replace(INK, "currentColor")


def _drawn(figure: Figure, suffix: str, salt: str) -> bytes:
    """The same bytes for the same figure: no date, and names of parts by `salt`."""
    content = io.BytesIO()
    date = "CreationDate" if suffix == "pdf" else "Date"
    with mpl.rc_context({**STYLE, "svg.hashsalt": salt}):
        figure.savefig(content, format=suffix, transparent=True, metadata={date: None})
    return content.getvalue()
