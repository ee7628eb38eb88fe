"""notebooks/: stripped and without definitions; each is executed from top to bottom, by the commands that it shows."""

import ast
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parents[1] / "notebooks"
NAMES = ("01_corpora_and_states", "02_one_example_through_the_road", "03_ablation")
WAY_OUT = "strip it: .venv/bin/pre-commit run --all-files nbstripout"
SECONDS = 1200  # for one cell: a training, on a machine that does other things too
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def read(name: str) -> NotebookNode:
    notebook: NotebookNode = nbformat.reads(text_of(name), as_version=nbformat.NO_CONVERT)
    return notebook


def text_of(name: str) -> str:
    return (FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")


def nodes(name: str) -> Iterator[tuple[str, ast.AST]]:
    """(cell id, node) of all code, cells of commands as the call that they are to Python."""
    for cell in read(name).cells:
        if cell.cell_type == "code":
            yield from (
                (cell.id, node) for node in ast.walk(ast.parse(TransformerManager().transform_cell(cell.source)))
            )


# As they lie in the repository


def test_these_are_all_the_notebooks() -> None:
    assert sorted(path.name for path in FOLDER.glob("*.ipynb")) == [f"{name}.ipynb" for name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_valid_and_written_as_a_diff_reads_best(name: str) -> None:
    notebook = read(name)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert text_of(name) == nbformat.writes(notebook) + "\n", WAY_OUT  # indent 1, sorted keys, characters as they are


@pytest.mark.parametrize("name", NAMES)
def test_outputs_counts_and_an_editors_metadata_are_stripped(name: str) -> None:
    notebook = read(name)
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    assert notebook.metadata == {"kernelspec": kernel}, WAY_OUT
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    for cell in notebook.cells:
        assert cell.metadata == {}, WAY_OUT
        assert (cell.get("outputs", []), cell.get("execution_count")) == ([], None), WAY_OUT


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_defined_that_belongs_in_the_package(name: str) -> None:
    assert [cell for cell, node in nodes(name) if isinstance(node, DEFINITIONS)] == []


@pytest.mark.parametrize("name", NAMES)
def test_what_is_imported_of_the_package_is_there(name: str) -> None:
    for cell, node in nodes(name):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("datatuner"):
            module = importlib.import_module(node.module or "")
            for alias in node.names:
                there = hasattr(module, alias.name) or importlib.util.find_spec(f"{node.module}.{alias.name}")
                assert there, f"{cell}: {node.module} has no {alias.name}"


# Executed


@pytest.fixture
def executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, str]]:
    """executed(NAME): the notebook run in an empty folder, as what each cell shows; a failing cell raises."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")  # for `datatuner`
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "jupyter"))
    work = tmp_path / "work"
    work.mkdir()

    def run(name: str) -> dict[str, str]:
        notebook = read(name)
        # Without folders to look in there is one kernel, that of this interpreter.
        kernel = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
        settings = {"timeout": SECONDS, "startup_timeout": SECONDS, "coalesce_streams": True}
        NotebookClient(notebook, km=kernel, resources={"metadata": {"path": str(work)}}, **settings).execute()
        return {cell.id: "\n".join(map(shown, cell.get("outputs", []))) for cell in notebook.cells}

    return run


def shown(output: NotebookNode) -> str:
    """An output as text without colours, of tables and marked text as HTML too; an image as its type."""
    if output.output_type == "stream":
        return str(output.text)
    texts = (str(value) if kind.startswith("text/") else kind for kind, value in sorted(output.data.items()))
    return re.sub(r"\x1b\[[\d;]*m", "", "\n".join(texts))


@pytest.mark.slow
@pytest.mark.timeout(SECONDS)
def test_corpora_and_states_shows_one_example_from_file_to_corruption(executed) -> None:
    cells = executed("01_corpora_and_states")
    assert "train        1,500 inputs  3,742 references" in cells["read"]
    assert "<type>      type = [ coastal path ] ;" in cells["segments"]
    assert "want <:ARG0> ( boy ) <:ARG1> ( go <:ARG0> boy )" in cells["kinds"]
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in cells["columns"].splitlines() if "│" in line]
    assert ["<type>", "<type>", "<data>", "-", "-"] in rows  # the tag itself: fine, coarse, none; not learned
    assert ["<|endoftext|>", "<text>", "<text>", "-", "<|endoftext|>"] in rows
    assert re.search("camping: yes +camp\n", cells["alignment"])
    assert '<mark class="mentioned" title="climb: 360 m">' in cells["alignment"]
    for error in ("canal walk for type: coastal path", "camping: yes is missing", "climb: 360 m is said again"):
        assert error in cells["wrong"]
    for label in ("value_error", "repetition", "omission", "hallucination"):
        assert label in cells["corrupt"]
        assert label in cells["pairs"]


@pytest.mark.slow
@pytest.mark.timeout(SECONDS)
def test_one_example_is_followed_from_training_to_a_loaded_export(executed) -> None:
    cells = executed("02_one_example_through_the_road")
    assert "metrics.json" in cells["run"]
    for file in ("best.ckpt", "classifier.json", "beams.jsonl", "scored.jsonl", "predictions.jsonl"):
        assert file in cells["folders"]
    assert cells["pick"].startswith("demo-test-")
    identifier = cells["pick"].splitlines()[0]
    assert f"id='{identifier}'" in cells["prediction"]
    assert "P(accurate)" in cells["scored"]
    policies = dict(line.split(maxsplit=1) for line in cells["rank"].splitlines())
    assert list(policies) == ["none", "binary", "severity", "probability", "slots", "oracle"]
    assert policies["none"].startswith("[0, 1, 2, 3, 4]")
    assert cells["other-policy"].count("reused: ") == 4  # classifier, training, decoding, scores
    assert cells["other-policy"].count("done: ") == 1
    for metric in ("bleu", "ser", "accurate", "ser_references"):
        assert f"│ {metric} " in cells["metrics"]
    assert "fidelity" in cells["abstain"]
    assert cells["marked"].count("<li>") == 5


@pytest.mark.slow
@pytest.mark.timeout(SECONDS)
def test_the_ablation_is_a_sweep_and_its_table(executed) -> None:
    cells = executed("03_ablation")
    assert "8 of 8 ended" in cells["sweep"]
    for row in ("| no_fc | 1, 2 |", "| fc | 1, 2 |", "| no_states | 1, 2 |", "| none states, severity | 1, 2 |"):
        assert row in cells["report"]
    assert "| against no_fc | metric |" in cells["report"]
    assert cells["plots"].count("image/svg+xml") == 5
