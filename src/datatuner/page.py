"""A compared table as one HTML page without server or network: scores, plots, and every text with its n-best list."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from datatuner.comparison import TESTED, TITLES, Compared, Score, human_floor
from datatuner.highlighting import MARKS_STYLE
from datatuner.page_content import content
from datatuner.plots import caption, inline
from datatuner.provenance import provenance
from datatuner.records import LABELS

STYLE, SCRIPT = (Path(__file__).with_suffix(suffix) for suffix in (".css", ".js"))
# The page itself asks nothing of anybody: a text that would is only a text.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header><h1>{title}</h1><p>{origin}</p></header>
<main>
<section aria-label="Scores">{scores}{tests}</section>
<section aria-label="Plots" class="plots">{plots}</section>
<section aria-label="Texts" id="texts"><h2>Texts{seed}</h2>
{calibrated}
<form id="filters" role="search"></form>
<p id="count" role="status"></p>
<div class="browser"><nav aria-label="Inputs"><ol id="inputs"></ol><div id="turn"></div></nav>
<article id="opened" aria-live="polite"></article></div>
</section>
</main>
<script type="application/json" id="content">{content}</script>
<script>{script}</script>
</body>
</html>
"""


def page(
    result: Compared, figures: Mapping[str, str], *, seed: int | None, say: Callable[[str], object] = print
) -> str:
    """The page's HTML. Every string of data and texts is shown as text.

    Args:
        figures: SVG documents by name, of those that `plots.plots` gives.
        seed: whose texts; None: the lowest one that most rows have.
        say: is told what the page lacks.
    """
    shown = content(result.table, seed=seed, say=say)
    made = provenance()
    return PAGE.format(
        policy=POLICY,
        title=escape(result.table.title),
        origin=escape(f"datatuner {made['datatuner']}, commit {made['commit'] or 'unknown'}"),
        style=MARKS_STYLE.read_text(encoding="utf-8") + STYLE.read_text(encoding="utf-8"),
        scores="".join(_scores(result)),
        tests="".join(_tests(result)),
        plots="".join(
            f"<figure>{inline(figure)}<figcaption>{escape(caption(name))}</figcaption></figure>"
            for name, figure in figures.items()
        ),
        seed="" if shown["seed"] is None else f" of seed {shown['seed']}",
        calibrated=_calibrated(shown),
        content=_embedded({**shown, **_pair(result, [each["name"] for each in shown["systems"]]), "labels": LABELS}),
        script=SCRIPT.read_text(encoding="utf-8"),
    )


def _calibrated(shown: Mapping[str, Any]) -> str:
    """What the probabilities of the texts are worth, as HTML; nothing where there are none."""
    texts = (text for item in shown["items"] for texts in item["lists"] for text in texts)
    if all(text["accurate"] is None for text in texts):
        return ""
    named = [(each["name"], each["calibrationError"]) for each in shown["systems"]]
    errors = ", ".join(f"{error:.3f} ({name})" for name, error in named if error is not None)
    said = "P(accurate) is calibrated on corrupted references."
    if errors:
        said += f" Its calibration error on the chosen texts, against no slot errors by alignment: {errors}."
    return f"<p>{escape(said)}</p>"


def _pair(result: Compared, names: Sequence[str]) -> dict[str, int]:
    """Which two systems are shown first: the whole method, or the last row, beside the baseline."""
    whole = [place for place, name in enumerate(names) if name.partition(",")[0] == "fc"]
    a = whole[0] if whole else len(names) - 1
    b = names.index(result.baseline) if result.baseline in names else 0
    return {"a": a, "b": b if a != b else next((other for other in range(len(names)) if other != a), b)}


def _embedded(value: object) -> str:
    """JSON that cannot end the element it stands in."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _scores(result: Compared) -> Iterator[str]:
    yield '<div class="wide"><table><thead><tr><th>row<th>seeds'
    yield from (f"<th>{TITLES[name]}" for name in result.metrics)
    yield "</thead><tbody>"
    for row in result.table.rows:
        yield f"<tr><th>{escape(row.name)}<td>{', '.join(map(str, row.seeds))}"
        yield from (f"<td>{_score(result.score(row.name, name))}" for name in result.metrics)
    yield "</tbody></table></div>"
    remarks = [
        "Mean ± standard deviation over seeds, [95 % bootstrap interval over inputs].",
        human_floor(result.table),
    ]
    yield from (f"<p>{escape(remark)}</p>" for remark in (*remarks, *result.remarks) if remark)


def _score(score: Score | None) -> str:
    if score is None:
        return "–"
    deviation = "" if score.deviation is None else f" ± {score.deviation:.2f}"
    interval = f"[{score.pooled.low:.2f}, {score.pooled.high:.2f}]"
    return f'<strong>{score.mean:.2f}</strong>{deviation} <span class="number">{interval}</span>'


def _tests(result: Compared) -> Iterator[str]:
    if not result.tests:
        return
    yield f"<details><summary>Paired tests against {escape(result.baseline)}</summary>"
    yield f'<div class="wide"><table><thead><tr><th>row<th>{"<th>".join(TESTED)}</thead><tbody>'
    for test in result.tests:
        row, *cells = map(escape, test.cells)
        yield f"<tr><th>{row}<td>{'<td>'.join(cells)}"
    yield "</tbody></table></div>"
    yield f"<p>Holm-corrected over {len(result.tests)} comparisons, each test apart.</p></details>"
