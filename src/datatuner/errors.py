"""Errors a user can cause. The command line prints each as one line, without a traceback."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


class DataTunerError(Exception):
    """Base of everything a user can mend: the message says what was read, where, and the way out."""


class CorpusFormatError(DataTunerError):
    """A corpus file, or one row of it, is not what its format asks for."""

    def __init__(
        self, path: Path | str, line: int | None, expected: str, found: str, way_out: str = "", *, quote: bool = True
    ) -> None:
        """`found` is quoted and shortened, unless it says itself what it is (`quote=False`)."""
        where = f"{path}:{line}" if line is not None else f"{path}"
        message = f"{where}: expected {expected}, found {shorten(found) if quote else found}."
        super().__init__(" ".join(filter(None, [message, way_out])))
        self.path, self.line = Path(path), line


class CorpusNotFoundError(DataTunerError):
    """A corpus, its folder, a split or a file of it is not there."""


class ChangedError(DataTunerError):
    """What a stage reads is not what it was planned with, or not what an earlier stage left."""


class FetchError(DataTunerError):
    """A corpus cannot be downloaded, or what came is not what is pinned."""


class ConfigError(DataTunerError):
    """An override, a config value or a command-line argument cannot be used."""


class TargetTooLongError(DataTunerError):
    """A reference alone does not fit the model's context; the target is never cut."""


class BackboneError(DataTunerError):
    """A pretrained model cannot be found, or cannot work as a generator."""


class CheckpointError(DataTunerError):
    """A checkpoint is damaged, or belongs to another corpus or backbone."""


class ExportError(DataTunerError):
    """A run cannot be exported, or a folder is no exported model, or not a whole one."""


class RecordError(DataTunerError):
    """A JSON Lines or predictions file is malformed, or does not match its split."""

    expected = found = ""  # of one field or line

    @classmethod
    def at(cls, where: str, expected: str, found: str) -> "RecordError":
        error = cls(f"{where}: expected {expected}, found {found}.")
        error.expected, error.found = expected, found
        return error


class OutputError(DataTunerError):
    """A folder or file cannot be written."""


class StageFailedError(DataTunerError):
    """A stage's process ended without its result; `log` holds its output, where it was not stopped by the user."""

    def __init__(self, message: str, log: Path | None = None) -> None:
        super().__init__(f"{message} Its output is in {log}." if log else message)
        self.log = log


class SweepFailedError(DataTunerError):
    """Jobs of a sweep failed, or cannot be started together."""


def did_you_mean(typed: str, known: Iterable[str], count: int = 3) -> str:
    """A space and "Did you mean a or b?", with up to `count` names close to `typed`; "" where none is."""
    matches = get_close_matches(typed, list(known), n=count)
    return f" Did you mean {' or '.join(matches)}?" if matches else ""


def shorten(text: str, limit: int = 80) -> str:
    """`text` as a quoted, printable literal of at most about `limit` characters, for an error message."""
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")


def printable(text: str) -> str:
    """`text` with control characters, and whatever else a terminal does not simply print, as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
