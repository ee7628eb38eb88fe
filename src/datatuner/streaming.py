"""Records line by line -> texts line by line, in bounded memory; goes on where a killed process was.

Beside OUTPUT stand, until all of it is done, OUTPUT.partial with the lines so far and OUTPUT.partial.json, which says
how far they are to be trusted: how many lines of input they answer, and the checksum of these.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from datatuner.errors import OutputError, RecordError
from datatuner.fields import json_of
from datatuner.tuner import Result, Text, Tuner
from datatuner.writing import write_json

CHUNK = 256  # lines that are read, answered and written together


@dataclass(frozen=True)
class Options:
    """What is asked of `Tuner.generate`, and what is done about lines that are no record."""

    n_best: int | None = None
    reranking: str | None = None
    abstain_below: float | None = None
    batch_size: int = 32
    skip: bool = False

    def asked(self) -> dict[str, Any]:
        """Those that the texts depend on."""
        return {"n_best": self.n_best, "reranking": self.reranking, "abstain_below": self.abstain_below}


@dataclass
class Counts:
    written: int = 0
    skipped: int = 0
    resumed: int = 0  # lines of input that an earlier process answered


class Stream:
    """Answers the records of one input.

    Args:
        name: of the input, for messages.
        told: is given each malformed line's message where those are skipped.
        progress: is told how many more lines are done.
    """

    def __init__(
        self,
        tuner: Tuner,
        options: Options,
        name: str,
        told: Callable[[str], object],
        progress: Callable[[int], object],
    ) -> None:
        self.tuner, self.options, self.name = tuner, options, name
        self.told, self.progress = told, progress
        self.counts = Counts()

    def pipe(self, lines: Iterator[str], output: IO[str]) -> None:
        """Writes to a stream, which no process can go on with.

        Raises:
            RecordError: a line is no record, and none are to be skipped; what stands before it is answered.
        """
        for chunk in _chunks(enumerate(lines, 1)):
            for answer in self._answers(chunk):
                output.write(answer)
            output.flush()

    def write(self, lines: Iterator[str], output: Path) -> None:
        """Writes OUTPUT, and goes on with what an earlier process left of it.

        Raises:
            RecordError: as `pipe`; or what is left is of another input, export, precision or options.
            OutputError: it cannot be written, or another process writes it.
        """
        partial = output.with_name(f"{output.name}.partial")
        state = output.with_name(f"{output.name}.partial.json")
        asked = {"export": self.tuner.settings["checksum"], "precision": self.tuner.precision, **self.options.asked()}
        digest, numbered = hashlib.sha256(), enumerate(lines, 1)
        try:
            with partial.open("a+b") as claim, partial.open("r+b") as file:
                _claim(claim, partial)
                size = self._skip_answered(partial, state, asked, digest, numbered)
                file.truncate(size)
                file.seek(size)
                for chunk in _chunks(numbered):
                    for answer in self._answers(chunk):
                        file.write(answer.encode("utf-8"))
                    file.flush()
                    os.fsync(file.fileno())
                    for _, line in chunk:
                        digest.update(line.encode("utf-8", "surrogateescape"))
                    done = {"lines": chunk[-1][0], "bytes": file.tell(), "sha256": digest.hexdigest()}
                    write_json(state, {**asked, **done, "written": self.counts.written, "skipped": self.counts.skipped})
            partial.replace(output)
            state.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"cannot write {partial}: {error.strerror or error}. Free space there.") from error

    def _skip_answered(
        self, partial: Path, state: Path, asked: Mapping[str, Any], digest: Any, numbered: Iterator[tuple[int, str]]
    ) -> int:
        """Reads over the lines of input that are answered; returns the bytes of `partial` that answer them."""
        if not (partial.is_file() and state.is_file()):
            return 0
        try:
            left = json.loads(state.read_text(encoding="utf-8"))
            lines, size, checksum = int(left["lines"]), int(left["bytes"]), left["sha256"]
            self.counts = Counts(int(left["written"]), int(left["skipped"]), lines)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RecordError(f"{state} is damaged: remove it and {partial.name} to begin anew.") from error
        for number, line in numbered:
            digest.update(line.encode("utf-8", "surrogateescape"))
            if number == lines:
                break
        same = {key: left.get(key) for key in asked} == json.loads(json.dumps(asked))
        if not same or digest.hexdigest() != checksum or partial.stat().st_size < size:
            raise RecordError(
                f"{partial} is of another input, export or options: start the command that it is of again, or remove "
                f"it and {state.name}."
            )
        self.progress(lines)
        return size

    def _answers(self, chunk: list[tuple[int, str]]) -> Iterator[str]:
        """The lines of output for lines of input, blank and malformed ones left out.

        Raises:
            RecordError: a malformed one, which is not to be skipped, after the answers to those before it.
        """
        records, mistake = [], None
        for number, line in chunk:
            if not line.strip():
                continue
            try:
                where = f"{self.name}:{number}"
                given, identifier = _identified(record_of(line, where), number)
                records.append((number, identifier, self.tuner.read(given, where)))
            except RecordError as error:
                if not self.options.skip:
                    mistake = error
                    break
                self.counts.skipped += 1
                self.told(f"left out: {error}")
        sources = [source for *_, source in records]
        results = self.tuner.generate(sources, **self.options.asked(), batch_size=self.options.batch_size)
        for (number, identifier, _), result in zip(records, results, strict=True):
            self.counts.written += 1
            yield json.dumps(answer(identifier, number, result), ensure_ascii=False) + "\n"
        if mistake:
            raise mistake
        self.progress(len(chunk))


def _claim(file: IO[bytes], path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OutputError(f"another process writes {path}. Wait for it, or name another --output.") from error


def answer(identifier: str, number: int, result: Result) -> dict[str, Any]:
    """A line of output: the text with label, fidelity and errors, tokens cut off the data, the alternatives."""
    first, *others = result.candidates
    shown = _shown(first) if not result.abstained else {**_shown(first), "text": None}
    listed = [first, *others] if result.abstained else others
    return {
        "id": identifier,
        "line": number,
        **shown,
        "cut": result.cut,
        "alternatives": [_shown(each) for each in listed],
    }


def _shown(text: Text) -> dict[str, Any]:
    errors = None if text.errors is None else [asdict(error) for error in text.errors]
    return {"text": text.text, "label": text.label, "fidelity": text.fidelity, "errors": errors}


def record_of(line: str, where: str) -> object:
    """JSON where the line begins like it, else a row as it stands in a corpus."""
    if not line.lstrip().startswith(("{", "[", '"')):
        return line.strip()
    return json_of(line.strip(), where, "one JSON value")


def _identified(given: object, number: int) -> tuple[object, str]:
    """A record without its id, and the id; its line's number where it has none."""
    if isinstance(given, dict) and isinstance(given.get("id"), str | int):
        return {name: value for name, value in given.items() if name != "id"}, str(given["id"])
    return given, str(number)


def _chunks(numbered: Iterator[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    chunk: list[tuple[int, str]] = []
    for each in numbered:
        chunk.append(each)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
