"""Compared tables -> markdown, CSV and LaTeX, and a folder that holds them beside plots and pages."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from datatuner.comparison import TESTED, TITLES, Compared, Score, compare, human_floor, n_best_share
from datatuner.errors import ConfigError
from datatuner.metrics.significance import LEVEL
from datatuner.rows import Row, tables
from datatuner.writing import make_writable, write_bytes, write_text

CHOICES = {"inputs_without_accurate": "without accurate", "first_places_changed": "first places changed"}
KEY = ("corpus", "split", "generator", "settings", "data", "row")
MEASURED = ("metric", "seeds", "mean", "deviation", "pooled", "low", "high", "inputs", "signature")
DIFFERENCE = ("baseline", "metric", "seeds", "difference", "p_bootstrap", "p_randomization")
LOWER_IS_BETTER = ("ser",)


def compared(folders: Sequence[Path], *, baseline: str | None, samples: int = 1000) -> tuple[list[Compared], list[str]]:
    """Every table over the evaluations in `folders`, and what was left out of them.

    Raises:
        RecordError: as `rows.evaluations`.
        ConfigError: `baseline` is a row of no table.
    """
    found, left_out = tables(folders)
    names = list(dict.fromkeys(name for table in found for row in table.rows for name in (row.name, row.kind)))
    if baseline and baseline not in names:
        raise ConfigError(f"--baseline {baseline}: there is no such row. Rows: {', '.join(names)}.")
    return [compare(table, baseline=baseline, samples=samples) for table in found], left_out


def markdown(results: Sequence[Compared]) -> Iterator[str]:
    """The lines of a report: for each table its rows with their scores, and the paired tests against the baseline."""
    for result in results:
        yield f"## {result.table.title}"
        yield ""
        yield from _scores(result)
        if result.tests:
            yield ""
            yield from _tests(result)
        yield ""


def _scores(result: Compared) -> Iterator[str]:
    titles = [TITLES[name] for name in result.metrics]
    yield _line(["row", "seeds", *titles, *CHOICES.values()])
    yield _line(["---"] * (len(titles) + 4))
    for row in result.table.rows:
        cells = [_cell(result.score(row.name, name)) for name in result.metrics]
        yield _line([row.name, _seeds(row.seeds), *cells, *_choices(row)])
    yield ""
    human = human_floor(result.table)
    several = any(len(row.seeds) > 1 for row in result.table.rows)
    means = "mean ± standard deviation over seeds " if several else ""
    yield f"{means}[95 % bootstrap interval over inputs]{human and f'; {human}'}"
    yield from result.remarks


def _cell(score: Score | None) -> str:
    if score is None:
        return "-"
    deviation = "" if score.deviation is None else f" ± {score.deviation:.2f}"
    return f"{score.mean:.2f}{deviation} [{score.pooled.low:.2f}, {score.pooled.high:.2f}]"


def _choices(row: Row) -> list[str]:
    shares = [n_best_share(row, key) for key in CHOICES]
    return ["-" if share is None else f"{share:.1f} %" for share in shares]


def _tests(result: Compared) -> Iterator[str]:
    yield _line([f"against {result.baseline}", *TESTED])
    yield _line(["---"] * (1 + len(TESTED)))
    yield from (_line(test.cells) for test in result.tests)
    yield ""
    yield (
        f"[p-values after Holm's correction over {len(result.tests)} comparisons, each test apart; inputs are paired, "
        "seeds pooled]"
    )


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _seeds(seeds: Iterable[int]) -> str:
    return ", ".join(map(str, seeds))


def scores_csv(results: Sequence[Compared]) -> str:
    """A line for each row and metric, with the columns KEY and MEASURED; numbers are not rounded."""
    return _csv((*KEY, *MEASURED), _score_lines(results))


def _score_lines(results: Sequence[Compared]) -> Iterator[list[object]]:
    for result in results:
        for row in result.table.rows:
            for name, score in result.scores[row.name].items():
                pooled = score.pooled
                numbers = [score.mean, score.deviation, pooled.value, pooled.low, pooled.high, pooled.n]
                yield [*_key(result), row.name, name, _seeds(score.by_seed), *numbers, pooled.signature]


def differences_csv(results: Sequence[Compared]) -> str:
    """A line for each paired test, with the columns KEY and DIFFERENCE, p-values after Holm's correction."""
    lines: list[list[object]] = [
        [
            *(*_key(result), test.row, result.baseline, test.metric, _seeds(test.seeds)),
            *(test.difference, test.p_bootstrap, test.p_randomization),
        ]
        for result in results
        for test in result.tests
    ]
    return _csv((*KEY, *DIFFERENCE), lines)


def _key(result: Compared) -> tuple[str, ...]:
    table = result.table
    return table.corpus, table.split, table.generator, table.settings, table.data


def _csv(header: Sequence[str], lines: Iterable[list[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(lines)
    return text.getvalue()


def latex(results: Sequence[Compared]) -> str:
    """A tabular (booktabs) for each table: a column's best bold, upper bounds apart; stars by both tests."""
    return "\n".join(map(_latex_table, results))


def _latex_table(result: Compared) -> str:
    titles = [f"{_tex(TITLES[name])} ${_better(name)}$" for name in result.metrics]
    lines = [
        f"% {result.table.title}",
        r"\begin{tabular}{l" + "r" * len(titles) + "}",
        r"\toprule",
        " & ".join(["row", *titles]) + r" \\",
        r"\midrule",
        *(
            " & ".join([_tex(row.name), *(_tex_cell(result, row.name, name) for name in result.metrics)]) + r" \\"
            for row in result.table.rows
        ),
        r"\bottomrule",
        r"\end{tabular}",
        f"% Mean and standard deviation over seeds; * both paired tests against {result.baseline}: p < {LEVEL}.",
    ]
    return "\n".join(lines) + "\n"


def _better(name: str) -> str:
    return r"\downarrow" if name in LOWER_IS_BETTER else r"\uparrow"


def _tex_cell(result: Compared, row: str, name: str) -> str:
    score = result.score(row, name)
    if score is None:
        return "--"
    best = min if name in LOWER_IS_BETTER else max
    shown = f"{score.mean:.2f}"
    systems = [each.name for each in result.table.rows if not each.is_bound]
    others = [result.scores[each][name].mean for each in systems if name in result.scores[each]]
    if len(others) > 1 and row in systems and score.mean == best(others):
        shown = rf"\mathbf{{{shown}}}"
    deviation = "" if score.deviation is None else rf" \pm {score.deviation:.2f}"
    sure = any(
        test.row == row and test.metric == name and max(test.p_bootstrap, test.p_randomization) < LEVEL
        for test in result.tests
    )
    return f"${shown}{deviation}{'^{*}' if sure else ''}$"


def _tex(text: str) -> str:
    escapes = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    escapes |= {character: f"\\{character}" for character in "&%$#_{}"}
    return "".join(escapes.get(character, character) for character in text)


def write_report(
    folder: Path, results: Sequence[Compared], *, seed: int | None = None, say: Callable[[str], object] = print
) -> None:
    """Leaves report.md, scores.csv, tests.csv and report.tex in `folder`, and a page and plots for each table.

    Args:
        seed: whose texts the pages show; None: the lowest one that most rows have.
        say: is told each file that is written, and what a page lacks.

    Raises:
        OutputError: `folder` cannot be written.
    """
    make_writable(folder)
    texts = {
        "report.md": "\n".join(markdown(results)),
        "scores.csv": scores_csv(results),
        "tests.csv": differences_csv(results),
        "report.tex": latex(results),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
        say(f"{folder / name}")
    for result in results:
        _write_table(folder, result, seed, say)


def _write_table(folder: Path, result: Compared, seed: int | None, say: Callable[[str], object]) -> None:
    from datatuner.page import page
    from datatuner.plots import pdf, plots, svg

    title = result.table.name
    figures = plots(result)
    drawn = {name: svg(figure, f"{title}-{name}") for name, figure in figures.items()}
    for name, figure in figures.items():
        write_text(folder / f"{title}-{name}.svg", drawn[name])
        write_bytes(folder / f"{title}-{name}.pdf", pdf(figure))
    say(f"{folder / title}-*.svg, *.pdf: {', '.join(figures)}")
    write_text(folder / f"{title}.html", page(result, drawn, seed=seed, say=say))
    say(f"{folder / title}.html")
