"""`streaming`: what is withheld, ids, what an earlier process left, and files that another process writes too."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

import datatuner as package
from datatuner import corpora, streaming
from datatuner.errors import OutputError, RecordError
from datatuner.example import SlotValues
from datatuner.streaming import Options, Stream

SLOTS = [e.source.slots for e in corpora.read("demo", None, "test")[:24] if isinstance(e.source, SlotValues)]
LINES = [json.dumps({"id": f"r{n}", "slots": dict(slots)}) + "\n" for n, slots in enumerate(SLOTS)]


class Stop(Exception):
    """In the place of a kill."""


@pytest.fixture(scope="module")
def tuner(judged: Path) -> Any:
    return package.load(judged)


@pytest.fixture(scope="module")
def least(tuner: Any) -> float:
    """A threshold that some inputs have a text for, not always the first, and some have none for."""
    best = sorted(max(text.fidelity for text in result.candidates) for result in tuner.generate(list(map(dict, SLOTS))))
    return float(best[len(best) // 3])


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "CHUNK", 4)


@pytest.fixture
def stream(tuner: Any) -> Callable[..., Stream]:
    """stream(least, stop=n): one that is stopped once n lines are done; what it says is in `said`."""

    def make(abstain_below: float | None = None, *, skip: bool = False, unique: bool = True, stop: int = 10**9) -> Any:
        done, said = [0], list[str]()

        def progress(lines: int) -> None:
            done[0] += lines
            if done[0] >= stop:
                raise Stop

        options = Options(abstain_below=abstain_below, skip=skip)
        made: Any = Stream(tuner, options, "facts.jsonl", said.append, progress, unique=unique)
        made.said = said
        return made

    return make


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# What is withheld


def test_what_is_withheld_stands_in_its_own_file_and_is_counted(stream, tuner, least, tmp_path):
    out, apart, alone = tmp_path / "texts.jsonl", tmp_path / "withheld.jsonl", tmp_path / "alone.jsonl"
    first, second = stream(least), stream(least)
    first.write(iter(LINES), out, apart)
    second.write(iter(LINES), alone)
    results = tuner.generate(list(map(dict, SLOTS)), abstain_below=least)
    assert [row["text"] for row in rows(alone)] == [result.text for result in results]
    assert rows(out) == [row for row in rows(alone) if row["text"] is not None]
    assert rows(apart) == [row for row in rows(alone) if row["text"] is None]
    assert 0 < len(rows(apart)) < len(LINES)
    for row, result in zip(rows(alone), results, strict=True):
        assert [each["text"] for each in row["alternatives"]] == [text.text for text in result.alternatives]
        assert (row["label"], row["fidelity"]) == (result.label, result.fidelity)
    for each in (first, second):
        assert str(each.counts) == f"24 texts, {len(rows(apart))} of them withheld, 0 lines left out"
    assert names(tmp_path) == {out.name, apart.name, alone.name}


@pytest.mark.parametrize("stop", [1, 4, 8, 20, 24])
def test_stopped_anywhere_both_files_are_those_of_one_go(stream, least, tmp_path, stop):
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
    paths = {
        name: (tmp_path / name / "texts.jsonl", tmp_path / name / "withheld.jsonl") for name in ("whole", "stopped")
    }
    whole = stream(least)
    whole.write(iter(LINES), *paths["whole"])
    with pytest.raises(Stop):
        stream(least, stop=stop).write(iter(LINES), *paths["stopped"])
    assert not any(path.exists() for path in paths["stopped"])
    again = stream(least)
    again.write(iter(LINES), *paths["stopped"])
    assert [path.read_bytes() for path in paths["stopped"]] == [path.read_bytes() for path in paths["whole"]]
    assert (again.counts.written, again.counts.withheld) == (whole.counts.written, whole.counts.withheld)
    assert names(tmp_path / "stopped") == names(tmp_path / "whole")


def test_stopped_between_the_two_names(stream, least, tmp_path, monkeypatch):
    out, apart = tmp_path / "texts.jsonl", tmp_path / "withheld.jsonl"
    rename = Path.rename

    def stopped(path: Path, target: Path) -> Path:
        if target == out:
            raise Stop
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", stopped)
        with pytest.raises(Stop):
            stream(least).write(iter(LINES), out, apart)
    assert names(tmp_path) == {"withheld.jsonl", "texts.jsonl.partial", "texts.jsonl.partial.json"}
    before = apart.read_bytes()
    stream(least).write(iter(LINES), out, apart)
    assert apart.read_bytes() == before
    assert names(tmp_path) == {"withheld.jsonl", "texts.jsonl"}
    assert len(rows(out)) + len(rows(apart)) == len(LINES)


def test_what_is_left_with_another_file_for_what_is_withheld_is_not_mixed(stream, least, tmp_path):
    out = tmp_path / "texts.jsonl"
    with pytest.raises(Stop):
        stream(least, stop=12).write(iter(LINES), out, tmp_path / "withheld.jsonl")
    for other in (None, tmp_path / "other.jsonl"):
        with pytest.raises(RecordError, match="is of another input, export or options"):
            stream(least).write(iter(LINES), out, other)
    stream(least).write(iter(LINES), out, tmp_path / "withheld.jsonl")


# Ids


@pytest.mark.parametrize("identifier", ["1.5", "NaN", "null", "true", '["a"]', "{}", '""'])
def test_an_id_that_is_none_is_refused_with_its_line(stream, tmp_path, identifier):
    line = f'{{"id": {identifier}, "name": "Fen"}}\n'
    with pytest.raises(RecordError) as refused:
        stream().write(iter([LINES[0], line]), tmp_path / "texts.jsonl")
    assert str(refused.value).startswith("facts.jsonl:2: expected 'id' with a string or a whole number, found ")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (LINES[1], "'r1'"),
        ('{"id": 13, "name": "Fen"}\n{"id": "13", "name": "Fen"}\n', "'13'"),
        ('{"id": 13, "name": "Fen"}\n', "'13'"),  # the number of the row without an id before it
    ],
)
def test_an_id_that_occurs_twice_is_refused_or_left_out_when_resumed_too(stream, tmp_path, line, found):
    out = tmp_path / "texts.jsonl"
    lines = [*LINES[:12], "name[Fen]\n" if line.count("\n") == 1 else "\n", *line.splitlines(keepends=True), LINES[13]]
    expected = f"expected an id that no earlier line has, found {found}."
    for stop in (8, 10**9):  # the second one reads over the lines that the first has answered
        with pytest.raises((Stop, RecordError), match=None if stop == 8 else expected):
            stream(stop=stop).write(iter(lines), out)
    made = stream(skip=True)
    made.write(iter(lines), out)
    assert [message.partition(": expected")[2] for message in made.said] == [expected.removeprefix("expected")]
    assert made.counts.skipped == 1
    assert len({row["id"] for row in rows(out)}) == len(rows(out))


def test_where_ids_are_not_looked_at_it_is_said_once(stream, tmp_path):
    out = tmp_path / "texts.jsonl"
    made = stream(unique=False)
    made.write(iter(["name[Fen]\n", *LINES[:3], *LINES[:3]]), out)
    assert [row["id"] for row in rows(out)] == ["1", *["r0", "r1", "r2"] * 2]
    assert [row["line"] for row in rows(out)] == list(range(1, 8))
    (said,) = made.said
    assert said.endswith("more than 1,000,000 records: the line's number identifies a record.")


def test_an_answer_names_what_the_training_did_not_have(stream, tmp_path):
    out = tmp_path / "texts.jsonl"
    stream().write(iter(['{"name": "Fen", "colour": "red"}\n', LINES[0]]), out)
    assert [row["unseen"] for row in rows(out)] == [["colour"], []]
    assert [row["classifier_cut"] for row in rows(out)] == [0, 0]


# Files that somebody else writes too


def test_a_file_that_came_meanwhile_is_never_replaced(stream, least, tmp_path):
    out, apart = tmp_path / "texts.jsonl", tmp_path / "withheld.jsonl"
    for path in (out, apart):
        made = stream(least)  # which was not there when the command started
        path.write_text("mine")
        with pytest.raises(OutputError, match=f"{path.name} is there already, and was left as it is"):
            made.write(iter(LINES), out, apart)
        assert path.read_text() == "mine"
        assert names(tmp_path) == {path.name}
        path.unlink()


def test_a_file_that_came_while_it_worked_is_kept_and_so_is_the_work(stream, tmp_path):
    out = tmp_path / "texts.jsonl"

    def lines() -> Iterable[str]:
        yield from LINES
        out.write_text("mine")

    with pytest.raises(OutputError) as refused:
        stream().write(iter(lines()), out)
    assert f"What this command wrote is kept: it goes on from {out}.partial." in str(refused.value)
    assert out.read_text() == "mine"
    out.unlink()
    again = stream()
    again.write(iter(LINES), out)
    assert (again.counts.resumed, len(rows(out))) == (24, 24)


def test_what_another_process_writes_is_refused_and_left_alone(stream, tmp_path):
    out, apart = tmp_path / "texts.jsonl", tmp_path / "withheld.jsonl"
    code = (
        "import sys; from pathlib import Path; from datatuner.locking import claimed\n"
        "with claimed(Path(sys.argv[1]), '') as file:\n    file.write(b'theirs'); file.flush(); print(); input()"
    )
    for name, option in (("texts", "--output"), ("withheld", "--withheld")):
        partial = tmp_path / f"{name}.jsonl.partial"
        with subprocess.Popen(
            [sys.executable, "-c", code, partial], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as other:
            assert other.stdout is not None
            other.stdout.readline()
            with pytest.raises(OutputError) as refused:
                stream(0.5).write(iter(LINES), out, apart)
            assert str(refused.value) == f"another process writes {partial}. Wait for it, or name another {option}."
            assert partial.read_bytes() == b"theirs"
            assert names(tmp_path) == {partial.name}
            other.communicate(b"\n")
        partial.unlink()


# The command


def test_what_cannot_be_withheld_is_refused_before_anything_is_loaded(datatuner, tmp_path):
    (tmp_path / "there").touch()
    common = ("generate", "no export", "--input", "-")
    wrong = "--withheld FILE goes with --abstain-below P and --output FILE, another file."
    for words, message in (
        (("--output", "out", "--withheld", "w"), wrong),
        (("--output", "-", "--withheld", "w", "--abstain-below", "0.5"), wrong),
        (("--output", "out", "--withheld", "out", "--abstain-below", "0.5"), wrong),
        (
            ("--output", "out", "--withheld", "there", "--abstain-below", "0.5"),
            "--withheld there is there already: name another file, or remove it.",
        ),
        (("--interactive", "--withheld", "w"), "--withheld FILE goes with --output FILE."),
    ):
        ran = datatuner(*common, *words, cwd=tmp_path, input="")
        assert (ran.returncode, ran.stderr) == (2, f"datatuner: error: {message}\n")


@pytest.mark.slow
def test_the_command_withholds_says_what_it_did_not_know_and_the_first_text_is_that_of_one(judged, datatuner, tmp_path):
    facts = tmp_path / "facts.jsonl"
    strange = json.dumps({"name": "Fen", "colour": "red"})
    facts.write_text("".join([*LINES, *[f"{strange}\n"] * 2]), encoding="utf-8")
    for n_best in (1, 4):
        words = ("--input", facts, "--output", tmp_path / f"{n_best}.jsonl", "--n-best", n_best)
        ran = datatuner(
            "generate", judged, *words, "--abstain-below", 0.5, "--withheld", tmp_path / f"no{n_best}.jsonl"
        )
        assert ran.returncode == 0, ran.stderr
        unseen = [line for line in ran.stderr.splitlines() if "is no name of the training data" in line]
        assert unseen == ["'colour' is no name of the training data: the model knows nothing of it"]
        withheld = len(rows(tmp_path / f"no{n_best}.jsonl"))
        assert ran.stderr.splitlines()[-1] == f"26 texts, {withheld} of them withheld, 0 lines left out"
    for kind in ("", "no"):
        one, four = (rows(tmp_path / f"{kind}{n}.jsonl") for n in (1, 4))
        assert [(row["id"], row["text"]) for row in one] == [(row["id"], row["text"]) for row in four]
        assert one
    refused = datatuner("generate", judged, "--input", facts, "--output", "-", "--n-best", 5)
    assert "n_best=5 must lie between 1 and 4, the length of this export's own list." in refused.stderr


@pytest.mark.slow
def test_ids_of_more_than_a_million_records_are_not_looked_at(judged, datatuner, tmp_path):
    facts = tmp_path / "facts.jsonl"
    facts.write_text(LINES[0] * 2 + "[\n" + "x\n" * 999_997, encoding="utf-8")
    ran = datatuner("generate", judged, "--input", facts, "--output", "-")
    assert f"{facts}:2: expected an id that no earlier line has, found 'r0'." in ran.stderr
    with facts.open("a") as file:
        file.write("x\n")
    ran = datatuner("generate", judged, "--input", facts, "--output", "-")
    assert ran.stderr.count("the line's number identifies a record.") == 1
    assert f"{facts}:3: expected one JSON value" in ran.stderr.splitlines()[-1]
    assert [json.loads(line)["line"] for line in ran.stdout.splitlines()] == [1, 2]


@pytest.mark.slow
def test_of_two_commands_at_once_one_writes_and_the_other_says_so(judged, datatuner, tmp_path):
    facts, out = tmp_path / "facts.jsonl", tmp_path / "texts.jsonl"
    facts.write_text("".join(LINES), encoding="utf-8")
    command = [sys.executable, "-m", "datatuner.commands.generate", judged, "--input", facts, "--output", out]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ended = sorted((process.communicate(timeout=250)[1].splitlines()[-1], process.returncode) for process in both)
    assert [code for _, code in ended] == [0, 2]
    assert ended[0][0] == "24 texts, 0 lines left out"
    assert ended[1][0].startswith("datatuner: error: ")
    assert str(out) in ended[1][0]
    assert len(rows(out)) == 24
    assert names(tmp_path) == {facts.name, out.name}
