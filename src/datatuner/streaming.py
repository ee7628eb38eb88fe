"""Records line by line -> texts line by line, in bounded memory; goes on where a killed process was.

Beside OUTPUT stand, until all of it is done, OUTPUT.partial with the lines so far and OUTPUT.partial.json, which says
how far they are to be trusted: how many lines of input they answer, and the checksum of these. What is withheld may
have a file of its own, with a .partial beside it too; the same .partial.json speaks for both.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import islice
from operator import ge
from pathlib import Path
from typing import IO, Any

from datatuner.errors import OutputError, RecordError
from datatuner.example import Source
from datatuner.inputs import MOST_IDS, Ids, line_record
from datatuner.locking import claimed
from datatuner.tuner import Result, Text, Tuner
from datatuner.writing import write_json

_Numbered = Iterator[tuple[int, str]]  # lines, from 1
CHUNK = 256  # lines that are read, answered and written together
FORMAT = 2  # raised when the same command would write other lines: what an older version left is not gone on with


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
    """`written` are all answers; `withheld` those of them without a text that is trusted."""

    written: int = 0
    skipped: int = 0
    withheld: int = 0
    resumed: int = 0  # lines of input that an earlier process answered

    def __str__(self) -> str:
        withheld = f", {self.withheld} of them withheld" if self.withheld else ""
        resumed = f"; {self.resumed} lines were answered before" if self.resumed else ""
        return f"{self.written} texts{withheld}, {self.skipped} lines left out{resumed}"


class Stream:
    """Answers the records of one input.

    Args:
        name: of the input, for messages.
        told: is given each malformed line's message where those are skipped.
        progress: is told how many more lines are done.
        unique: whether no two records may have one id; else their lines' numbers tell them apart.
    """

    def __init__(
        self,
        tuner: Tuner,
        options: Options,
        name: str,
        told: Callable[[str], object],
        progress: Callable[[int], object],
        *,
        unique: bool,
    ) -> None:
        self.tuner, self.options, self.name = tuner, options, name
        self.told, self.progress = told, progress
        self.counts = Counts()
        self._ids = Ids() if unique else None
        self._said = False

    def pipe(self, lines: Iterator[str], output: IO[str]) -> None:
        """Writes to a stream, which no process can go on with.

        Raises:
            RecordError: a line is no record, and none are to be skipped; what stands before it is answered.
        """
        for chunk in _chunks(enumerate(lines, 1)):
            for answer, _ in self._answers(chunk):
                output.write(answer)
            output.flush()

    def write(self, lines: Iterator[str], output: Path, withheld: Path | None = None) -> None:
        """Writes OUTPUT, and goes on with what an earlier process left of it.

        Args:
            withheld: where answers go that have no text which is trusted; to OUTPUT like the others, if None.

        Raises:
            RecordError: as `pipe`; or what is left is of another input, export, precision or options.
            OutputError: a file cannot be written or is there already, or another process writes it.
        """
        paths = [output] if withheld is None else [output, withheld]
        asked = {
            "format": FORMAT,
            "export": self.tuner.settings["checksum"],
            "precision": self.tuner.precision,
            "withheld_to": None if withheld is None else os.path.relpath(withheld, output.parent),
            **self.options.asked(),
        }
        try:
            with _claimed(paths) as files:
                self._write(lines, paths, files, asked)
        except OSError as error:
            raise OutputError(
                f"cannot write {partial(output)}: {error.strerror or error}. Free space there."
            ) from error

    def _write(
        self, lines: Iterator[str], paths: Sequence[Path], files: Sequence[IO[bytes]], asked: Mapping[str, Any]
    ) -> None:
        """The work, while `files`, the .partial of each of `paths`, are this process's alone."""
        state, digest, numbered = state_of(paths[0]), hashlib.sha256(), enumerate(lines, 1)
        sizes = [0] * len(files)
        if state.is_file():
            sizes = self._skip_answered(state, files, asked, digest, numbered)
        for file, size in zip(files, sizes, strict=True):
            file.truncate(size)
            file.seek(size)
        for chunk in _chunks(numbered):
            for answer, withheld in self._answers(chunk):
                files[-1 if withheld else 0].write(answer.encode("utf-8"))
            for file in files:
                file.flush()
                os.fsync(file.fileno())
            for _, line in chunk:
                digest.update(line.encode("utf-8", "surrogateescape"))
            done = {"lines": chunk[-1][0], "bytes": [file.tell() for file in files], "sha256": digest.hexdigest()}
            counts = {key: getattr(self.counts, key) for key in ("written", "skipped", "withheld")}
            write_json(state, {**asked, **done, **counts})

    def _skip_answered(
        self, state: Path, files: Sequence[IO[bytes]], asked: Mapping[str, Any], digest: Any, numbered: _Numbered
    ) -> list[int]:
        """Reads over the lines of input that are answered; returns how many bytes of each of `files` answer them."""
        whole = state.name.removesuffix(".json")
        try:
            left = json.loads(state.read_text(encoding="utf-8"))
            lines, checksum, sizes = int(left["lines"]), left["sha256"], list(map(int, left["bytes"]))
            self.counts = Counts(int(left["written"]), int(left["skipped"]), int(left["withheld"]), lines)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RecordError(
                f"{state} is damaged, or of an earlier version: remove it and {whole} to begin anew."
            ) from error
        for number, line in numbered:
            digest.update(line.encode("utf-8", "surrogateescape"))
            if self._ids and line.strip():
                with suppress(RecordError):  # it was left out
                    self._record(number, line)
            if number == lines:
                break
        same = {key: left.get(key) for key in asked} == json.loads(json.dumps(asked))
        there = [os.fstat(file.fileno()).st_size for file in files]
        if not same or digest.hexdigest() != checksum or not all(map(ge, there, sizes)):
            raise RecordError(
                f"{state.with_name(whole)} is of another input, export or options: start the command that it is of "
                f"again, or remove it and {state.name}."
            )
        self.progress(lines)
        return sizes

    def _answers(self, chunk: Sequence[tuple[int, str]]) -> Iterator[tuple[str, bool]]:
        """The lines of output for lines of input, blank and malformed ones left out; whether each is withheld.

        Raises:
            RecordError: a malformed one, which is not to be skipped, after the answers to those before it.
        """
        records, mistake = list[tuple[int, str, Source]](), None
        for number, line in chunk:
            if not line.strip():
                continue
            try:
                records.append(self._record(number, line))
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
            self.counts.withheld += result.abstained
            yield json.dumps(answer(identifier, number, result), ensure_ascii=False) + "\n", result.abstained
        if mistake:
            raise mistake
        self.progress(len(chunk))

    def _record(self, number: int, line: str) -> tuple[int, str, Source]:
        """A line's number, its id (the number where it has none) and its source.

        Raises:
            RecordError: it is no record of this model's kind, or its id is an earlier one's.
        """
        where = f"{self.name}:{number}"
        given, identifier = line_record(line, where)
        source = self.tuner.read(given, where)
        if self._ids:
            self._ids.claim(identifier, number, where)
        elif identifier is not None and not self._said:
            self._said = True
            self.told(
                f"{self.name}: repeated ids are not looked for in a pipe, nor in more than {MOST_IDS:,} records: the "
                "line's number identifies a record."
            )
        return number, identifier or str(number), source


@contextmanager
def _claimed(paths: Sequence[Path]) -> Iterator[list[IO[bytes]]]:
    """The .partial of each path, for this process alone; named when all is done, kept where the .partial.json can tell.

    Raises:
        OutputError: another process writes one of them, or a path is there already.
    """
    output, mine = paths[0], list[Path]()
    with ExitStack() as stack:
        try:
            files = []
            for path in paths:
                _take_back(path, output)
                option = "--output" if path == output else "--withheld"
                taken = f"another process writes {partial(path)}. Wait for it, or name another {option}."
                files.append(stack.enter_context(claimed(partial(path), taken)))
                mine.append(path)
            _ensure_new(paths)
            yield files
            _ensure_new(paths, f" What this command wrote is kept: it goes on from {partial(output)}.")
            for path in reversed(paths):  # OUTPUT last: where it is, all is done
                partial(path).rename(path)
            state_of(output).unlink(missing_ok=True)
        except BaseException:
            if output in mine and not state_of(output).exists():
                for path in mine:
                    partial(path).unlink(missing_ok=True)
            raise


def _take_back(path: Path, output: Path) -> None:
    """Of a process that was killed when it had given what is withheld its name, and not yet OUTPUT."""
    if path == output or partial(path).exists() or not path.is_file():
        return
    with suppress(OSError, ValueError, KeyError, TypeError, IndexError):
        left = json.loads(state_of(output).read_text(encoding="utf-8"))
        if left["withheld_to"] == os.path.relpath(path, output.parent) and left["bytes"][1] == path.stat().st_size:
            path.rename(partial(path))


def _ensure_new(paths: Sequence[Path], kept: str = "") -> None:
    for path in paths:
        if os.path.lexists(path):
            raise OutputError(f"{path} is there already, and was left as it is: name another file, or remove it.{kept}")


def partial(path: Path) -> Path:
    """Where a file's lines stand until all of it is done."""
    return path.with_name(f"{path.name}.partial")


def state_of(output: Path) -> Path:
    return output.with_name(f"{output.name}.partial.json")


def answer(identifier: str, number: int, result: Result) -> dict[str, Any]:
    """A line of output: the text with label, fidelity and errors, what the models did not read, the alternatives."""
    shown = {**_shown(result.candidates[0]), "text": result.text}
    return {
        "id": identifier,
        "line": number,
        **shown,
        "cut": result.cut,
        "unseen": result.unseen,
        "alternatives": [_shown(each) for each in result.alternatives],
    }


def _shown(text: Text) -> dict[str, Any]:
    errors = None if text.errors is None else [asdict(error) for error in text.errors]
    shown = {"text": text.text, "label": text.label, "fidelity": text.fidelity, "errors": errors}
    return {**shown, "classifier_cut": text.classifier_cut}


def _chunks(numbered: _Numbered) -> Iterator[list[tuple[int, str]]]:
    return iter(lambda: list(islice(numbered, CHUNK)), [])
