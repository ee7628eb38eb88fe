"""The import rule: a module imports only from lines above its own, or from its left on its own line.

Imports are read from the source, those inside functions too. A package stands for all its modules.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

import datatuner

SOURCE = Path(datatuner.__file__).parent

# Top layer first.
WITHOUT_TORCH = (
    ("__init__",),  # the version: anybody may ask for it
    ("errors", "fields", "findings", "example", "records", "writing"),
    ("corpora",),
    ("inputs",),
    ("linearization",),
    ("sentences", "alignment", "corruptions"),
    ("reranking", "metrics", "highlighting"),
    (
        "weights",
        "provenance",
        "ranks",
        "following",
        "locking",
        "stages",
        "lineage",
        "shards",
        "exportable",
        "exported",
        "sweeping",
        "sweep_overview",
        "config",
        "validation",
        "given_texts",
        "planning",
        "parents",
        "composing",
    ),
)
WITH_TORCH = (
    ("encoding", "pair_encoding"),  # import none themselves, but belong to the models
    ("models", "beam_cache", "beams", "backbone_check", "backbones", "classifier_backbones", "lora"),
    ("collation", "losses", "optim"),
    ("decoding", "fidelity"),
    ("checkpoints", "generation", "in_loop", "inspection"),
    ("datamodules", "modules", "resuming", "preflight", "training", "classifier_training"),
    ("stage_inputs", "judging", "nbest", "scoring", "evaluation"),
    ("pipeline", "tracked_results", "tracking"),
    ("model_card", "export", "tuner", "loading", "streaming"),
    ("web",),
)
# These plan, and start a process for what needs torch: no model library is loaded where they are imported.
ON_TOP = (
    ("rows", "comparison", "plots", "page_content", "page", "report"),
    ("dashboard",),
    ("commands",),
    ("cli",),
)
LAYERS = WITHOUT_TORCH + WITH_TORCH + ON_TOP
PLACES = {name: (line, place) for line, names in enumerate(LAYERS) for place, name in enumerate(names)}

HEAVY = ("torch", "transformers", "pytorch_lightning", "lightning_fabric", "torchmetrics", "tokenizers")
# Who may name a package, at any depth of its code.
RESERVED = {
    "hydra": {"composing"},
    "omegaconf": {"config", "composing"},
    "pytorch_lightning": {"classifier_training", "datamodules", "modules", "preflight", "resuming", "training"},
    "torchmetrics": {"in_loop"},
    "sacrebleu": {"metrics"},
    "pycocoevalcap": {"metrics"},
    "gradio": {"web"},
    "matplotlib": {"plots"},
    "wandb": {"tracked_results", "tracking", "dashboard"},
    "wandb_workspaces": {"dashboard"},
}


def name_of(path: Path) -> str:
    """`datatuner.corpora.e2e` for src/datatuner/corpora/e2e.py, `datatuner.corpora` for its __init__.py."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(("datatuner", *(parts[:-1] if parts[-1] == "__init__" else parts)))


MODULES = {name_of(path): path for path in sorted(SOURCE.rglob("*.py"))}


def part_of(module: str) -> str:
    """The name in LAYERS that stands for a module."""
    return module.split(".")[1] if "." in module else "__init__"


def imports(module: str) -> Iterator[tuple[str, int]]:
    """(imported module, line) of every import in the module's source."""
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno} imports relatively"
            base = node.module or ""
            for alias in node.names:
                name = f"{base}.{alias.name}"
                yield (name if name in MODULES else base), node.lineno


def test_every_module_has_its_place_and_every_place_a_module():
    assert {part_of(module) for module in MODULES} == set(PLACES)
    assert len(PLACES) == sum(map(len, LAYERS))


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_above_or_from_its_left(module):
    line, place = PLACES[part_of(module)]
    wrong = []
    for imported, number in imports(module):
        if imported.split(".")[0] != "datatuner" or part_of(imported) == part_of(module):
            continue  # another package's, or inside one package
        assert imported in MODULES, f"{module}:{number} imports {imported}, which is not there"
        their_line, their_place = PLACES[part_of(imported)]
        if their_line > line or (their_line == line and their_place > place):
            wrong.append(f"{MODULES[module]}:{number} imports {imported}")
    assert not wrong


@pytest.mark.parametrize("package", RESERVED)
def test_reserved_packages_are_named_only_where_they_belong(package):
    users = {part_of(module) for module in MODULES for name, _ in imports(module) if name.split(".")[0] == package}
    assert users == RESERVED[package]


def test_no_module_above_the_line_names_torch():
    above = set(chain(*WITHOUT_TORCH)) | {"encoding"}
    wrong = [
        f"{MODULES[module]}:{line} imports {name}"
        for module in MODULES
        if part_of(module) in above
        for name, line in imports(module)
        if name.split(".")[0] in HEAVY
    ]
    assert not wrong


def test_planners_load_no_torch_not_even_indirectly():
    """One process imports everything above the line, the commands and what plans; encoding and pipeline load none."""
    light = set(chain(*WITHOUT_TORCH, *ON_TOP)) | {"encoding", "pipeline"}
    names = [module for module in MODULES if part_of(module) in light]
    code = f"import sys, {', '.join(names)}\nprint(*(name for name in {HEAVY} if name in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert loaded.stdout.split() == []
