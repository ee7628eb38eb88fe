"""Records survive the round trip whatever their text; damage is one clear error; a failed write changes nothing."""

import errno
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datatuner.errors import OutputError, RecordError
from datatuner.findings import KINDS, SlotError
from datatuner.records import (
    LABELS,
    BeamRow,
    Hypothesis,
    Prediction,
    ScoredHypothesis,
    ScoredRow,
    Verdict,
    merge_beams,
    read_beams,
    read_evaluated,
    read_predictions,
    read_scored,
)
from datatuner.writing import write_json, write_jsonl

TRICKY = ["", "a\u2028b\u2029c", "\x00\x0b\x0c\x1c\x85", "two\nlines\r\n", "👩\u200d🚀 £ é", '"\\', "\ufeff"]
HYPOTHESIS = {"text": "t", "log_probability": -1.5, "tokens": 3, "score": -0.7, "complete": True}
ROW = {"id": "a", "source": "<data> x", "hypotheses": [HYPOTHESIS]}

texts = st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(TRICKY))
numbers = st.floats(allow_nan=False, allow_infinity=False)
hypotheses = st.builds(
    Hypothesis,
    text=texts,
    log_probability=numbers,
    tokens=st.integers(min_value=1),
    score=numbers,
    complete=st.booleans(),
)
beam_rows = st.builds(
    BeamRow, id=texts, source=texts, hypotheses=st.lists(hypotheses, min_size=1, max_size=3).map(tuple)
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def beam(key: str) -> BeamRow:
    return BeamRow(key, f"<data> {key}", (Hypothesis(f"text of {key}", -2.0, 4, -0.7, complete=True),))


def write_bytes(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


UNJUDGED = Verdict(None, None, ())

# --- round trips


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(beam_rows, max_size=4, unique_by=lambda row: row.id))
def test_beams_come_back_as_written(rows: list[BeamRow], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("beams") / "beams.jsonl"
    write_jsonl(path, rows)
    assert read_beams(path) == rows
    assert path.read_bytes().count(b"\n") == len(rows)


@settings(max_examples=60, deadline=None)
@given(written=st.dictionaries(texts.filter(bool), texts, max_size=5), shuffle=st.randoms())
def test_predictions_come_back_in_the_order_of_the_split(
    written: dict[str, str], shuffle: Random, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("predictions") / "predictions.jsonl"
    rows = [Prediction(key, "<data>", text, ("reference",), 1, UNJUDGED) for key, text in written.items()]
    shuffle.shuffle(rows)
    write_jsonl(path, rows)
    assert read_predictions(path, list(written)) == list(written.values())


def test_a_prediction_is_one_readable_line(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    write_jsonl(path, [Prediction("1", "<data> ½", "£5", ("a", "b"), 2, UNJUDGED, complete=True, log_probability=-0.5)])
    assert path.read_text("utf-8") == (
        '{"id": "1", "source": "<data> ½", "text": "£5", "references": ["a", "b"], "slots": 2, '
        '"verdict": {"label": null, "probabilities": null, "slot_errors": []}, "judges_differ": null, '
        '"complete": true, "log_probability": -0.5, "rank": null}\n'
    )


def test_json_is_indented_and_ends_in_a_line_end(tmp_path: Path) -> None:
    write_json(tmp_path / "metrics.json", {"metrics": {"bleu": None}})
    assert (tmp_path / "metrics.json").read_text() == '{\n  "metrics": {\n    "bleu": null\n  }\n}\n'


verdicts = st.builds(
    Verdict,
    label=st.none() | st.sampled_from(LABELS),
    probabilities=st.none() | st.fixed_dictionaries({name: st.floats(0, 1) for name in LABELS}),
    slot_errors=st.lists(
        st.builds(SlotError, st.sampled_from(KINDS), texts, texts, texts, st.integers(0, 9), st.integers(0, 9)),
        max_size=2,
    ).map(tuple),
)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(beam_rows, max_size=3, unique_by=lambda row: row.id), data=st.data(), shuffle=st.randoms())
def test_scored_rows_come_back_in_the_order_of_their_decoding(rows, data, shuffle, tmp_path_factory):
    path = tmp_path_factory.mktemp("scored") / "scored.jsonl"
    scored = []
    for row in rows:
        judged = tuple(ScoredHypothesis(h, data.draw(verdicts), data.draw(st.floats(0, 100))) for h in row.hypotheses)
        scored.append(ScoredRow(row.id, row.source, data.draw(st.integers(0, 9)), judged))
    written = scored[:]
    shuffle.shuffle(written)
    write_jsonl(path, written)
    assert read_scored(path, rows) == scored


@settings(max_examples=60, deadline=None)
@given(verdict=verdicts, rank=st.none() | st.integers(0, 4), differ=st.none() | st.booleans())
def test_an_evaluations_predictions_come_back(verdict, rank, differ, tmp_path_factory):
    path = tmp_path_factory.mktemp("evaluated") / "predictions.jsonl"
    rows = [Prediction("1", "<data>", "text", ("a", "b"), 3, verdict, differ, rank=rank)]
    write_jsonl(path, rows)
    assert read_evaluated(path) == rows


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"label": "fine"}, "expected 'label' with one of accurate, value_error, repetition, omission, hallucination"),
        ({"slot_errors": [{"kind": "lost"}]}, "expected 'kind' with one of missing, wrong, added, repeated"),
        ({"probabilities": {"accurate": 1.0}}, "expected 'value_error' with a finite number"),
    ],
)
def test_a_verdict_that_is_none_is_refused(change, expected, tmp_path):
    path = tmp_path / "predictions.jsonl"
    verdict = {"label": None, "probabilities": None, "slot_errors": [], **change}
    row = {"id": "1", "source": "", "text": "", "references": ["a"], "slots": 1, "verdict": verdict}
    path.write_text(json.dumps(row))
    with pytest.raises(RecordError) as refused:
        read_evaluated(path)
    assert expected in str(refused.value)


# --- damaged beams files


def row(**changes: object) -> bytes:
    return json.dumps({**ROW, **changes}).encode()


def hypothesis(**changes: object) -> bytes:
    return row(hypotheses=[HYPOTHESIS, {**HYPOTHESIS, **changes}])


DAMAGED = {
    "empty line": (b"", "expected a JSON object, found ''"),
    "truncated": (row()[:40], "(Unterminated string starting at)"),
    "not JSON": (b"<data>", "expected a JSON object, found '<data>' (Expecting value)"),
    "not an object": (b"[1, 2]", "expected a JSON object, found a list"),
    "null": (b"null", "found 'null'"),
    "key twice": (b'{"id": "b", "id": "c"}', "a key stands twice"),
    "deep lists": (b"[" * 100_000, "nested too deeply"),
    "deep objects": (b'{"a":' * 100_000, "nested too deeply"),
    "long number": (b'{"id": ' + b"9" * 5000 + b"}", "expected a JSON object"),
    "not UTF-8": (row(id="é").replace(b"\\u00e9", b"\xe9"), "expected UTF-8, found the byte 0xe9"),
    "id missing": (b'{"source": "", "hypotheses": []}', "expected 'id' with a string, found no such field"),
    "id a number": (row(id=7), "expected 'id' with a string, found '7'"),
    "id repeated": (row(id="a"), "expected an id that no earlier line has, found 'a'"),
    "half a surrogate": (row(source="\ud83d"), "half a surrogate pair"),
    "no hypotheses": (row(hypotheses=[]), "'hypotheses' with a list of one or more objects, found an empty list"),
    "hypotheses an object": (row(hypotheses={}), "found an object"),
    "hypothesis a string": (row(hypotheses=["t"]), "found '\"t\"'"),
    "text null": (hypothesis(text=None), "hypotheses 2: expected 'text' with a string, found 'null'"),
    "score NaN": (hypothesis(score=float("nan")), "expected 'score' with a finite number, found 'NaN'"),
    "score infinite": (hypothesis(score=float("-inf")), "found '-Infinity'"),
    "score overflows": (row().replace(b"-0.7", b"-1e999"), "expected 'score' with a finite number"),
    "score beyond float": (hypothesis(score=10**400), "expected 'score' with a finite number"),
    "score a string": (hypothesis(score="-1"), "expected 'score' with a finite number, found '\"-1\"'"),
    "score a flag": (hypothesis(score=True), "expected 'score' with a finite number, found 'true'"),
    "tokens a fraction": (hypothesis(tokens=1.5), "expected 'tokens' with a whole number above 0, found '1.5'"),
    "tokens zero": (hypothesis(tokens=0), "expected 'tokens' with a whole number above 0, found '0'"),
    "complete a number": (hypothesis(complete=1), "expected 'complete' with true or false, found '1'"),
}


@pytest.mark.parametrize(("line", "expected"), DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_line_is_named_with_what_was_expected(line: bytes, expected: str, tmp_path: Path) -> None:
    path = write_bytes(tmp_path / "beams.jsonl", b"\n".join([row(), line, row(id="z")]) + b"\n")
    with pytest.raises(RecordError) as caught:
        read_beams(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:2: ")
    assert expected in message
    assert "\n" not in message
    assert len(message) < len(str(path)) + 250


@settings(max_examples=100, deadline=None)
@given(content=st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_random_bytes_are_never_a_traceback(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = write_bytes(tmp_path_factory.mktemp("fuzz") / "beams.jsonl", content)
    with suppress(RecordError):
        assert all(row.hypotheses for row in read_beams(path))
    with suppress(RecordError):
        assert len(read_predictions(path, ["a"])) == 1


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from([*ROW, *HYPOTHESIS]), value=json_values, inside=st.booleans())
def test_random_fields_are_never_a_traceback(
    name: str, value: object, inside: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    line = hypothesis(**{name: value}) if inside else row(**{name: value})
    path = write_bytes(tmp_path_factory.mktemp("fuzz") / "beams.jsonl", line)
    try:
        rows = read_beams(path)
    except RecordError:
        return
    write_jsonl(path, rows)  # what is accepted can be written and read again
    assert read_beams(path) == rows


# --- merging


def test_ranks_are_merged_in_the_order_of_the_split(tmp_path: Path) -> None:
    paths = [tmp_path / f"beams.rank{rank}.jsonl" for rank in range(3)]
    for path, keys in zip(paths, ["ca", "bd", ""], strict=True):
        write_jsonl(path, [beam(key) for key in keys])
    assert merge_beams(paths, list("abcd")) == [beam(key) for key in "abcd"]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("ab", "bcd", "found 1 repeated ('b')."),
        ("ab", "d", "found 1 missing ('c')."),
        ("abx", "cd", "found 1 unknown ('x')."),
        ("", "", "found 4 missing ('a', 'b', 'c', …)."),
        ("abx", "bdy", "found 1 repeated ('b'); 1 missing ('c'); 2 unknown ('x', 'y')."),
    ],
)
def test_duplicates_and_gaps_are_refused(first: str, second: str, expected: str, tmp_path: Path) -> None:
    paths = [tmp_path / "beams.rank0.jsonl", tmp_path / "beams.rank1.jsonl"]
    for path, keys in zip(paths, [first, second], strict=True):
        write_jsonl(path, [beam(key) for key in keys])
    with pytest.raises(RecordError) as caught:
        merge_beams(paths, list("abcd"))
    assert f"expected each of the split's 4 ids once, {expected}" in str(caught.value)


# --- any system's predictions


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("one\ntwo\n", ["one", "two"]),
        ("one\ntwo", ["one", "two"]),
        ("one\r\ntwo\r\n", ["one", "two"]),
        ("\n\n", ["", ""]),
        ("\ufeffone\ntwo\n", ["one", "two"]),
        ("a\u2028b\x0b\x0c\x1c\x85\u2029\rc\n two \n", ["a\u2028b\x0b\x0c\x1c\x85\u2029\rc", " two "]),
    ],
)
def test_plain_text_is_one_line_per_input(content: str, expected: list[str], tmp_path: Path) -> None:
    path = write_bytes(tmp_path / "theirs.txt", content.encode("utf-8"))
    assert read_predictions(path, ["1", "2"]) == expected


@pytest.mark.parametrize(("content", "found"), [("", 0), ("one\n", 1), ("one\ntwo\n\n", 3)])
def test_another_number_of_lines_is_refused_with_both_counts(content: str, found: int, tmp_path: Path) -> None:
    path = write_bytes(tmp_path / "theirs.txt", content.encode())
    with pytest.raises(RecordError, match=rf"expected 2 lines, one per input of this split, found {found}\."):
        read_predictions(path, ["1", "2"])


def test_foreign_json_lines_need_only_id_and_text(tmp_path: Path) -> None:
    path = write_bytes(
        tmp_path / "theirs.jsonl", b'{"id": 2, "text": "two", "model": 7}\r\n{"text": "", "id": "1"}\r\n'
    )
    assert read_predictions(path, ["1", "2"]) == ["", "two"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (['{"id": "1", "text": "x"}'], "found 1 missing ('2')"),
        (['{"id": "1", "text": "x"}', '{"id": "1", "text": "x"}'], "found 1 repeated ('1'); 1 missing ('2')"),
        (['{"id": "2", "text": "x"}', '{"id": "3", "text": "x"}'], "found 1 missing ('1'); 1 unknown ('3')"),
        (['{"id": 1.5, "text": "x"}'], "theirs.jsonl:1: expected 'id' with a string or a whole number, found '1.5'"),
        (['{"id": "", "text": "x"}'], "theirs.jsonl:1: expected 'id' with a string or a whole number, found an empty"),
        (['{"id": "1"}'], "theirs.jsonl:1: expected 'text' with a string, found no such field"),
        (['{"id": "1", "text": "x"}', ""], "found 1 missing ('2')"),
        (['{"id": "1", "text": "x"}', "", ""], "theirs.jsonl:2: expected a JSON object, found ''"),
    ],
)
def test_foreign_json_lines_that_do_not_match_are_refused(lines: list[str], expected: str, tmp_path: Path) -> None:
    path = write_bytes(tmp_path / "theirs.jsonl", "\n".join(lines).encode())
    with pytest.raises(RecordError) as caught:
        read_predictions(path, ["1", "2"])
    assert expected in str(caught.value)


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"none\.txt: cannot be read: No such file or directory"):
        read_predictions(tmp_path / "none.txt", [])
    with pytest.raises(RecordError, match="cannot be read: Is a directory"):
        read_beams(tmp_path)
    latin = write_bytes(tmp_path / "latin.txt", "fine\ncafé\n".encode("latin-1"))
    with pytest.raises(RecordError, match=r"latin\.txt:2: expected UTF-8, found the byte 0xe9"):
        read_predictions(latin, ["1", "2"])


# --- failed writes


def assert_untouched(folder: Path) -> None:
    assert [path.name for path in folder.iterdir()] == ["old.jsonl"]
    assert (folder / "old.jsonl").read_text() == "old\n"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return write_bytes(tmp_path / "old.jsonl", b"old\n")


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file(function: str, old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, function, fail)
    with pytest.raises(OutputError) as caught:
        write_jsonl(old, [beam("a")])
    assert str(caught.value).startswith(f"cannot write {old}: No space left on device. ")
    assert_untouched(old.parent)


def test_an_interrupted_write_leaves_the_old_file(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_json(old, {})
    assert_untouched(old.parent)


@pytest.mark.parametrize(
    ("text", "score", "reason"),
    [
        ("t", float("nan"), "not JSON compliant"),
        ("t", float("inf"), "not JSON compliant"),
        ("\ud83d", 0.0, "surrogates"),
    ],
)
def test_values_without_a_place_in_json_leave_the_old_file(text: str, score: float, reason: str, old: Path) -> None:
    with pytest.raises(OutputError, match=reason):
        write_jsonl(old, [beam("a"), BeamRow("b", "", (Hypothesis(text, score, 1, score, complete=True),))])
    assert_untouched(old.parent)


def test_a_folder_that_is_none_is_named(old: Path) -> None:
    with pytest.raises(OutputError, match="Not a directory"):
        write_jsonl(old / "beams.jsonl", [])
    with pytest.raises(OutputError, match="No such file or directory"):
        write_jsonl(old.parent / "none" / "beams.jsonl", [])
    assert_untouched(old.parent)


def test_a_killed_writer_leaves_the_old_file(old: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from datatuner.writing import write_json\n"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_json(Path(sys.argv[1]), {'new': 1})"
    )
    finished = subprocess.run([sys.executable, "-c", program, str(old)], check=False, timeout=60)
    assert finished.returncode == -signal.SIGKILL
    assert old.read_text() == "old\n"
    write_json(old, {"new": 1})
    assert json.loads(old.read_text()) == {"new": 1}
