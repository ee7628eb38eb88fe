"""A W&B workspace over the runs of one group, by code: its panels name the keys that `tracking` writes.

A native bar of W&B has no interval of its own: it averages runs, and its range is that over the averaged runs. So each
score has two panels: the mean over seeds with the lowest and the highest seed, and beside it the ends of the 95 %
intervals of resampled inputs, as bars before and after the value, each averaged over seeds. The interval of all seeds'
texts together, and the paired tests, are what `datatuner report FOLDERS` prints.

Bars and curves are grouped by the key `system`: corpus, generator, states and reranking. What else a sweep varies is
averaged; the page's own filters tell it apart.
"""

import unicodedata

import wandb
import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws

from datatuner.errors import ConfigError

SCORES = {"bleu": "BLEU", "chrf_pp": "chrF++", "ser": "slot error rate", "coverage": "coverage", "accurate": "accurate"}
CURVES = ("train/loss", "val/loss", "val/bleu")
RUNS = 100  # shown in a panel; W&B's own limit is 10, fewer than the stages of a small sweep
SYSTEM = wr.Config("system")


def dashboard(group: str, *, project: str, entity: str | None) -> ws.Workspace:
    """The workspace of a sweep, or of whatever else is the `group` of runs; `entity` None leaves it open."""
    summary = [f"summary:test/bleu{end}" for end in ("", "_low", "_high")]
    return ws.Workspace(
        entity=entity or "",
        project=project,
        name=f"datatuner {_plain(group)}",
        sections=[
            _section("Ablation", [panel for name in SCORES for panel in _bars(name)], columns=2),
            _section("Curves", [_curve(key) for key in CURVES], columns=3),
            _section("Texts: the n-best lists", [wr.WeavePanelSummaryTable(table_name="n_best")], columns=1),
            _section("Classifier", [_confusion()], columns=1),
            _section("By category", [_by_category(name) for name in ("bleu", "ser")], columns=2),
        ],
        settings=ws.WorkspaceSettings(x_axis="step", max_runs=RUNS),
        runset_settings=ws.RunsetSettings(filters=f'Metric("Group") == "{_escaped(group)}"', pinned_columns=summary),
    )


def to_json(workspace: ws.Workspace) -> str:
    """What the package would send, as its own model `workspaces.internal.View` reads it."""
    text: str = workspace._to_model().model_dump_json(by_alias=True, exclude_none=True, indent=2)
    return text


def upload(workspace: ws.Workspace) -> str:
    """Saves the workspace as a view of its project; its address.

    Raises:
        ConfigError: nobody is logged in, or W&B does not take it.
    """
    try:
        workspace.entity = workspace.entity or wandb.Api().default_entity
        workspace.save()
        return str(workspace.url)
    except Exception as error:  # W&B's errors share no class
        reason = " ".join(str(error).split())[:300].rstrip(".")
        raise ConfigError(
            f"W&B has not taken the dashboard: {reason}. Set WANDB_API_KEY (or `wandb login`); without --upload its "
            "JSON is printed."
        ) from error


def _plain(name: str) -> str:
    """A view's name has no symbols, for the package: no emoji, but no "=" either."""
    return "".join("-" if unicodedata.category(letter).startswith("S") else letter for letter in name)


def _escaped(text: str) -> str:
    """For a filter, a Python expression in which the package replaces "=" and "<", and takes care of no quote."""
    return "".join(f"\\U{ord(letter):08x}" for letter in text)


def _section(name: str, panels: list[wr.interface.PanelTypes], *, columns: int) -> ws.Section:
    rows = -(-len(panels) // columns)
    layout = ws.SectionLayoutSettings(columns=columns, rows=rows)
    return ws.Section(name=name, panels=panels, is_open=True, layout_settings=layout)


def _bars(name: str) -> tuple[wr.BarPlot, wr.BarPlot]:
    title, key = SCORES[name], f"test/{name}"
    seeds = wr.BarPlot(
        title=f"{title}: mean over seeds, lowest and highest seed",
        metrics=[key],
        groupby=SYSTEM,
        groupby_aggfunc="mean",
        groupby_rangefunc="minmax",
        max_runs_to_show=RUNS,
        max_bars_to_show=RUNS,
    )
    interval = wr.BarPlot(
        title=f"{title}: low end of the 95 % interval, value, high end; means over seeds",
        metrics=[f"{key}_low", key, f"{key}_high"],
        groupby=SYSTEM,
        groupby_aggfunc="mean",
        groupby_rangefunc="none",
        max_runs_to_show=RUNS,
        max_bars_to_show=RUNS,
    )
    return seeds, interval


def _curve(key: str) -> wr.LinePlot:
    """One line for each system that is trained, so for each states of a generator: the mean over seeds."""
    return wr.LinePlot(
        title=key,
        x="step",
        y=[key],
        groupby=SYSTEM,
        groupby_aggfunc="mean",
        groupby_rangefunc="minmax",
        max_runs_to_show=RUNS,
    )


def _confusion() -> wr.CustomChart:
    fields = {key: key for key in ("Actual", "Predicted", "nPredictions")}
    return _chart("confusion_table", "wandb/confusion_matrix/v1", fields, "labels: corruptions of the validation split")


def _by_category(name: str) -> wr.CustomChart:
    return _chart("breakdown", "wandb/bar/v0", {"label": "part", "value": name}, f"{SCORES[name]} by attribute")


def _chart(table: str, kind: str, fields: dict[str, str], title: str) -> wr.CustomChart:
    """A chart of W&B's own kinds over a table in the runs' summaries, as `wandb.plot_table` asks for it."""
    query = {"id": None, "name": None, "_defaultColorIndex": None, "summaryTable": {"tableKey": table}}
    return wr.CustomChart(query=query, chart_name=kind, chart_fields=fields, chart_strings={"title": title})
