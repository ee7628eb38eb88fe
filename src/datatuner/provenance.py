"""Where a result comes from: versions, commit, code and machine. It never decides whether a stage is reused."""

import ast
import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import datatuner
from datatuner.errors import OutputError
from datatuner.weights import cache_folder
from datatuner.writing import write_json

_PACKAGES = ("torch", "transformers", "pytorch-lightning", "tokenizers", "sacrebleu", "numpy")


def provenance() -> dict[str, object]:
    """Version, commit (with `+changes` if the checkout differs from it), package versions and machine."""
    return {
        "datatuner": datatuner.__version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "machine": f"{_processor()}, {os.cpu_count()} cores",
    }


def _commit() -> str | None:
    """The checkout's commit; None where the package is installed without one."""
    folder = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        if not Path(git("rev-parse", "--show-toplevel"), "src", "datatuner").samefile(folder):
            return None
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain", "--", "src", "conf") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


# Where the code of a stage's output begins. What it imports belongs to it, but for what is named below.
_ROOTS = {
    "train": ("pipeline", "training", "stage_inputs"),
    "classifier": ("pipeline", "classifier_training", "corruptions", "stage_inputs"),
    "decode": ("pipeline", "generation", "stage_inputs"),
    "score": ("pipeline", "scoring", "shards"),
    "evaluate": ("pipeline", "evaluation"),
}
# Where a stage runs, not what comes out. A corpus is known by the checksum of what was read, whatever read it.
_NO_OUTPUT = {
    *("__init__", "errors", "writing", "corpora", "provenance", "ranks", "following", "locking", "stages", "lineage"),
}
_NOT_FOLLOWED = {"pipeline"}  # it imports what every stage needs
# Imported for a type, or beside what is used: no line of it runs in such a stage.
_CLASSIFIERS = {"alignment", "corruptions", "sentences", "fidelity", "classifier_backbones", "pair_encoding"}
_UNUSED: Mapping[str, set[str]] = {"train": _CLASSIFIERS, "decode": {*_CLASSIFIERS, "metrics"}}
_FOLDER = Path(datatuner.__file__).parent


def code_of(kind: str) -> dict[str, str]:
    """The modules that the output of a stage of `kind` depends on, each with the digest of its syntax tree.

    Docstrings, comments, imports and line breaks are not part of it, nor is the version of Python.
    """
    return _reached(_ROOTS[kind], left_out=_NO_OUTPUT | _UNUSED.get(kind, set()))


def _reached(roots: Iterable[str], *, left_out: Collection[str]) -> dict[str, str]:
    """The digests of `roots` and of what they import, and so on, without the parts of this package in `left_out`."""
    waiting, found = list(roots), dict[str, str]()
    while waiting:
        name = waiting.pop()
        if name in found or name.split(".")[0] in left_out:
            continue
        found[name], imported = _modules()[name]
        waiting += [] if name in _NOT_FOLLOWED else imported
    return dict(sorted(found.items()))


def readers_version() -> str:
    """What this package's readers depend on: their code, and what parses for them."""
    readers = [name for name in _modules() if name.split(".")[0] == "corpora"]
    parts = _reached(readers, left_out=())
    parts |= {"penman": metadata.version("penman"), "python": platform.python_version()}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@cache
def _modules() -> dict[str, tuple[str, list[str]]]:
    """Of every module of this package, by its name in it: the digest of its tree, and the modules that it imports.

    Parsing takes a second, so what was found in a source is kept, and found again by the checksum of the source.
    """
    names = {_name(path): path.read_bytes() for path in sorted(_FOLDER.rglob("*.py"))}
    kept = cache_folder() / f"code-{sys.version_info.major}.{sys.version_info.minor}.json"
    known: dict[str, Any] = {}
    with suppress(OSError, ValueError):
        known = json.loads(kept.read_text(encoding="utf-8"))
    checksums = {name: hashlib.sha256(name.encode() + source).hexdigest() for name, source in names.items()}
    try:
        found = {name: (str(known[each][0]), list(known[each][1])) for name, each in checksums.items()}
    except (KeyError, TypeError, IndexError):
        found = {name: _parsed(source, names) for name, source in names.items()}
        with suppress(OSError, OutputError):
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_json(kept, {checksums[name]: each for name, each in found.items()})
    return found


def _name(path: Path) -> str:
    parts = path.relative_to(_FOLDER).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def _parsed(source: bytes, names: Collection[str]) -> tuple[str, list[str]]:
    tree = ast.parse(source)
    return syntax_digest(tree), sorted(set(_imported(tree)) & set(names))


def _imported(tree: ast.AST) -> Iterator[str]:
    """What a module of this package imports of it, functions' own imports too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            base = (node.module or "").removeprefix("datatuner").lstrip(".")
            yield base
            yield from (f"{base}.{alias.name}".lstrip(".") for alias in node.names)


def syntax_digest(tree: ast.AST) -> str:
    """12 hex digits of the sha256 over a syntax tree without docstrings and imports."""
    return hashlib.sha256(json.dumps(_plain(tree)).encode()).hexdigest()[:12]


def _plain(node: object) -> Any:
    """A syntax tree as JSON. Fields that are empty are left out: newer versions of Python have more of them."""
    if isinstance(node, ast.AST):
        fields = [(name, value) for name, value in ast.iter_fields(node) if value is not None and value != []]
        return [type(node).__name__, *([name, _plain(value)] for name, value in fields)]
    if isinstance(node, list):
        return [_plain(each) for each in node if not _is_silent(each)]
    return repr(node)


def _is_silent(node: object) -> bool:
    """A docstring, a text that stands alone, or an import."""
    alone = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return alone or isinstance(node, ast.Import | ast.ImportFrom)
