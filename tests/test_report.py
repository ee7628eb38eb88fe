"""Tables over evaluations in markdown, CSV and LaTeX, the plots beside them, and what is said where something lacks."""

import csv
import json
import os
import re
import shutil
import statistics
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from datatuner.errors import ConfigError
from datatuner.page import page
from datatuner.plots import breakdown, fidelity, learning_curves, n_best
from datatuner.report import compared, differences_csv, latex, markdown, scores_csv, write_report
from tests.made_runs import SAMPLES, make_runs, metrics_of

ROWS = ["no_fc_no_fs", "no_fc", "fc"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    return make_runs(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def result(runs):
    (found,), left_out = compared([runs], baseline=None, samples=SAMPLES)
    assert left_out == []
    return found


def panels(figure: Any) -> list[Any]:
    found: list[Any] = figure.axes
    return found


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_a_score_is_the_mean_over_seeds_with_their_deviation(runs, result):
    values = [metrics_of(runs / f"evaluate-fine-{seed}-severity")["ser"]["value"] for seed in (1, 2)]
    score = result.score("fc", "ser")
    assert score.by_seed == dict(zip((1, 2), values, strict=True))
    assert score.mean == pytest.approx(statistics.fmean(values))
    assert score.deviation == pytest.approx(statistics.stdev(values))
    assert score.pooled.low <= score.pooled.value <= score.pooled.high
    (line,) = (line for line in markdown([result]) if line.startswith("| fc | 1, 2 |"))
    shown = f"{score.mean:.2f} ± {score.deviation:.2f} [{score.pooled.low:.2f}, {score.pooled.high:.2f}]"
    assert line.split(" | ")[4] == shown


def test_the_page_says_what_its_probabilities_are_worth(runs, result):
    html = page(result, {}, seed=1)
    assert "P(accurate) is calibrated on corrupted references." in html
    judges = json.loads((runs / "evaluate-fine-1-severity/metrics.json").read_text(encoding="utf-8"))["judges"]
    assert f"{judges['calibration_error']['value']:.3f} (fc)" in html


def test_one_seed_has_no_deviation(runs):
    (alone,), _ = compared([runs / "evaluate-fine-1-none"], baseline=None, samples=SAMPLES)
    assert alone.scores["no_fc"]["bleu"].deviation is None
    assert alone.tests == []
    lines = list(markdown([alone]))
    assert not any("±" in line for line in lines)
    assert not any("Holm" in line for line in lines)
    assert "±" not in lines[-2]
    assert rows(scores_csv([alone]))[0]["deviation"] == ""


def test_csv_has_a_line_for_each_row_and_metric_and_all_digits(result):
    found = rows(scores_csv([result]))
    assert [(line["row"], line["metric"]) for line in found] == [
        (row, metric) for row in ROWS for metric in ("bleu", "chrf_pp", "ser", "accurate")
    ]
    bleu = result.score("no_fc_no_fs", "bleu")
    assert float(found[0]["mean"]) == bleu.mean
    assert float(found[0]["low"]) == bleu.pooled.low
    assert found[0]["seeds"] == "1, 2"
    assert found[0]["signature"].startswith("nrefs:var|")
    tests = rows(differences_csv([result]))
    assert {(line["row"], line["baseline"]) for line in tests} == {("no_fc_no_fs", "no_fc"), ("fc", "no_fc")}
    for line, test in zip(tests, result.tests, strict=True):
        assert float(line["difference"]) == test.difference
        assert float(line["p_bootstrap"]) == test.p_bootstrap
        assert float(line["p_randomization"]) == test.p_randomization


def test_latex_names_rows_and_marks_the_best(result):
    text = latex([result])
    assert text.count(r"\begin{tabular}{lrrrr}") == 1
    assert r"no\_fc\_no\_fs & " in text
    assert r"SER $\downarrow$" in text
    best = min(ROWS, key=lambda row: result.score(row, "ser").mean)
    for line in text.splitlines():
        if (line.endswith(r"\\") and " & $" in line and r"\_fc" in line) or line.startswith("fc & "):
            name = line.split(" & ")[0].replace("\\", "")
            assert (r"\mathbf" in line.split(" & ")[3]) == (name == best)
    stars = sum(max(test.p_bootstrap, test.p_randomization) < 0.05 for test in result.tests)
    assert text.count("^{*}") == stars
    cells = text.split(r"\midrule")[1].split(r"\bottomrule")[0]
    assert re.findall(r"(?<!\\)[_%#]", cells) == []


def test_latex_escapes_the_names_of_folders(runs, tmp_path):
    name = r"50%_a&b#c~d^e{f}\g"
    theirs = tmp_path / name
    shutil.copytree(runs / "evaluate-fine-1-none", theirs)
    scores = json.loads((theirs / "metrics.json").read_text(encoding="utf-8"))
    scores["provenance"]["row"] = {}
    (theirs / "metrics.json").write_text(json.dumps(scores), encoding="utf-8")
    (found,), _ = compared([theirs], baseline=None, samples=SAMPLES)
    escaped = r"50\%\_a\&b\#c\textasciitilde{}d\textasciicircum{}e\{f\}\textbackslash{}g"
    assert f"\n{escaped} & " in latex([found])


def test_an_upper_bound_is_never_bold(runs, tmp_path):
    for seed in (1, 2):
        oracle = tmp_path / "demo" / f"oracle-{seed}"
        shutil.copytree(runs / f"evaluate-fine-{seed}-none", oracle)
        scores = json.loads((oracle / "metrics.json").read_text(encoding="utf-8"))
        scores["provenance"]["row"]["reranking"] = "oracle"
        (oracle / "metrics.json").write_text(json.dumps(scores), encoding="utf-8")
    (found,), _ = compared([runs, tmp_path], baseline=None, samples=SAMPLES)
    lines = {line.split(" & ")[0]: line for line in latex([found]).splitlines()}
    assert "mathbf" not in lines["fine states, oracle (upper bound)"]
    assert any("mathbf" in line for line in lines.values())


def changed(folder: Path, **origin: Any) -> None:
    """The evaluation in `folder` with another origin."""
    scores = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    scores["provenance"] |= origin
    (folder / "metrics.json").write_text(json.dumps(scores), encoding="utf-8")


@pytest.mark.parametrize("written", [0, 2_000_000_000])
def test_evaluations_of_other_data_are_a_table_of_their_own_whenever_they_were_written(runs, tmp_path, written):
    shutil.copytree(runs, tmp_path / "walks")
    other = tmp_path / "walks" / "evaluate-fine-2-none"
    changed(other, inputs={"corpus.train": "1", "corpus.test": "2"})
    os.utime(other / "metrics.json", (written, written))
    results, _ = compared([tmp_path / "walks"], baseline=None, samples=SAMPLES)
    seeds = {result.table.title: {row.name: list(row.seeds) for row in result.table.rows} for result in results}
    assert sorted(map(len, seeds.values())) == [1, 3]
    assert all(", data " in title for title in seeds)
    assert len({result.table.name for result in results}) == 2
    assert {"no_fc": [2]} in seeds.values()
    assert {"no_fc_no_fs": [1, 2], "no_fc": [1], "fc": [1, 2]} in seeds.values()


@pytest.mark.parametrize("written", [0, 2_000_000_000])
@pytest.mark.parametrize(
    ("weaker", "stronger"),
    [
        ({"versions": {"decode": 1}}, {"versions": {"decode": 2}}),
        ({"bootstrap_samples": 40}, {"bootstrap_samples": 1000}),
    ],
)
def test_which_of_two_evaluations_counts_does_not_depend_on_when_they_were_written(
    runs, tmp_path, weaker, stronger, written
):
    shutil.copytree(runs, tmp_path / "walks")
    old, new = (tmp_path / "walks" / name for name in ("evaluate-z", "evaluate-a"))
    (tmp_path / "walks" / "evaluate-fine-2-none").rename(old)
    shutil.copytree(old, new)
    changed(old, **weaker)
    changed(new, **stronger)
    os.utime(old / "metrics.json", (written, written))
    (found,), _ = compared([tmp_path / "walks"], baseline=None, samples=SAMPLES)
    (row,) = (row for row in found.table.rows if row.name == "no_fc")
    assert row.seeds[2].folder == new
    assert any(line.endswith(f": {old}") for line in markdown([found]))


def test_classifiers_of_other_settings_are_other_rows(runs, tmp_path):
    shutil.copytree(runs, tmp_path / "walks")
    for seed in (1, 2):
        first = tmp_path / "walks" / f"evaluate-fine-{seed}-severity"
        second = tmp_path / "walks" / f"evaluate-fine-{seed}-other"
        shutil.copytree(first, second)
        for folder, judge in ((first, "tiny 11111111"), (second, "tiny 22222222")):
            row = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["provenance"]["row"]
            changed(folder, row={**row, "classifier": judge})
    (found,), _ = compared([tmp_path / "walks"], baseline=None, samples=SAMPLES)
    seeds = {row.name: list(row.seeds) for row in found.table.rows}
    assert seeds["fc, tiny 11111111"] == seeds["fc, tiny 22222222"] == [1, 2]
    assert "fc" not in seeds
    assert found.baseline == "no_fc"
    assert found.table.superseded == []
    (named,), _ = compared([tmp_path / "walks"], baseline="fc", samples=SAMPLES)
    assert (named.baseline, "no row fc" in " ".join(named.remarks)) == ("fc, tiny 11111111", False)


def test_who_judged_a_list_that_it_did_not_rank_makes_no_other_row(runs, tmp_path):
    """Evaluated once without a classifier, and once with one: the same texts, so one row, with the labels."""
    shutil.copytree(runs, tmp_path / "walks")
    for seed in (1, 2):
        first = tmp_path / "walks" / f"evaluate-fine-{seed}-none"
        shutil.copytree(first, first.with_name(f"evaluate-fine-{seed}-judged"))
        row = json.loads((first / "metrics.json").read_text(encoding="utf-8"))["provenance"]["row"]
        changed(first.with_name(f"evaluate-fine-{seed}-judged"), row={**row, "classifier": "tiny 11111111"})
        scores = json.loads((first / "metrics.json").read_text(encoding="utf-8"))
        del scores["metrics"]["accurate"]
        (first / "metrics.json").write_text(json.dumps(scores), encoding="utf-8")
    (found,), _ = compared([tmp_path / "walks"], baseline=None, samples=SAMPLES)
    (row,) = (row for row in found.table.rows if row.kind == "no_fc")
    assert [each.folder.name for each in row.seeds.values()] == ["evaluate-fine-1-judged", "evaluate-fine-2-judged"]
    assert len(found.table.superseded) == 2


def test_a_baseline_that_a_table_lacks_is_said_there_and_refused_where_all_lack_it(runs, tmp_path):
    theirs = tmp_path / "theirs"
    shutil.copytree(runs / "evaluate-fine-1-none", theirs)
    scores = json.loads((theirs / "metrics.json").read_text(encoding="utf-8"))
    scores["provenance"]["row"] = {}
    (theirs / "metrics.json").write_text(json.dumps(scores), encoding="utf-8")
    results, _ = compared([runs, theirs], baseline="fc", samples=SAMPLES)
    assert [each.baseline for each in results] == ["theirs", "fc"]
    assert "There is no row fc here: tested against theirs." in results[0].remarks
    with pytest.raises(
        ConfigError, match=r"--baseline fcc: there is no such row\. Rows: theirs, no_fc_no_fs, no_fc, fc"
    ):
        compared([runs, theirs], baseline="fcc", samples=SAMPLES)


def test_plots_show_what_the_table_says(result):
    axes = panels(fidelity(result))[0]
    assert axes.get_xlabel() == "SER (lower is better)"
    shown = {bars.get_label(): bars.lines[0].get_xydata()[0] for bars in axes.containers}
    for row in ROWS:
        expected = [result.score(row, "ser").mean, result.score(row, "bleu").mean]
        assert list(shown[row]) == pytest.approx(expected)
    lists = panels(n_best(result))[0]
    widths = dict.fromkeys(ROWS, 0.0)
    for bars in lists.containers:
        for name, patch in zip(ROWS, bars, strict=True):
            widths[name] += patch.get_width()
    assert list(widths.values()) == pytest.approx([100] * 3)
    curves = panels(learning_curves(result))
    assert [axes.get_title() for axes in curves] == ["train/loss", "val/loss", "val/bleu"]
    assert len(curves[2].lines) == 4  # two kinds of states, two seeds; no_fc and fc share theirs
    assert list(curves[2].lines[0].get_ydata()) == [20.0, 30.5]


def test_a_breakdown_is_in_the_order_of_numbers(result):
    axes = panels(breakdown(result, "size"))[0]
    values = [label.get_text().split(" ")[0] for label in axes.get_yticklabels()]
    assert values == sorted(values, key=int)
    assert breakdown(result, "length") is None


@pytest.mark.slow
def test_the_folder_has_every_file_and_is_the_same_again(runs, result, tmp_path):
    said: list[str] = []
    for name in ("one", "other"):
        write_report(tmp_path / name, [result], say=said.append)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    title = "walks-test-tiny-0a1b2c3d"
    figures = ["fidelity", "n_best", "learning", "by_size", "by_a_b_x_"]  # all are seen
    expected = [f"{title}-{name}.{suffix}" for name in figures for suffix in ("svg", "pdf")]
    assert names == sorted(["report.md", "report.tex", "scores.csv", "tests.csv", f"{title}.html", *expected])
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes(), name
        if name.endswith(".svg"):
            ET.parse(tmp_path / "one" / name)
    assert not any("page" in line for line in said)


@pytest.mark.slow
def test_runs_that_were_moved_have_their_lists_and_curves(runs, tmp_path):
    shutil.copytree(runs, tmp_path / "moved")
    for plan in (tmp_path / "moved").glob("*/stage.json"):
        plan.write_text(plan.read_text(encoding="utf-8").replace(str(runs), "/nowhere/walks"), encoding="utf-8")
    (found,), _ = compared([tmp_path / "moved"], baseline=None, samples=SAMPLES)
    said: list[str] = []
    write_report(tmp_path / "report", [found], say=said.append)
    assert len(panels(learning_curves(found))[2].lines) == 4
    assert not any("lists" in line for line in said)


@pytest.mark.slow
def test_what_a_page_lacks_is_said(runs, tmp_path):
    shutil.copytree(runs, tmp_path / "walks")
    shutil.rmtree(tmp_path / "walks" / "score-coarse-1")
    for folder in (tmp_path / "walks").glob("evaluate-fine-1-severity"):
        shutil.rmtree(folder)
    for plan in (tmp_path / "walks").glob("*/stage.json"):
        content = json.loads(plan.read_text(encoding="utf-8").replace(str(runs), str(tmp_path / "walks")))
        content["settings"]["corpus_folder"] = str(tmp_path / "nothing")
        plan.write_text(json.dumps(content), encoding="utf-8")
    (found,), _ = compared([tmp_path / "walks"], baseline=None, samples=SAMPLES)
    said: list[str] = []
    write_report(tmp_path / "report", [found], seed=1, say=said.append)
    assert any("the page lacks fc, which has no seed 1" in line for line in said)
    assert any("no_fc_no_fs has no n-best lists on the page: " in line for line in said)
    assert any("no value is marked on the page, for the corpus is not read: " in line for line in said)


def test_the_command_writes_and_refuses_in_one_line(runs, datatuner, tmp_path):
    ran = datatuner("report", runs, "--samples", SAMPLES, "--output", tmp_path / "report")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("## walks, test split, tiny (settings 0a1b2c3d)\n")
    assert f"{tmp_path / 'report' / 'walks-test-tiny-0a1b2c3d.html'}\n" in ran.stdout
    (tmp_path / "file").write_text("")
    refused = datatuner("report", runs, "--samples", SAMPLES, "--output", tmp_path / "file")
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"datatuner: error: cannot write to {tmp_path / 'file'}: ")
    assert refused.stderr.count("\n") == 1
