"""`datatuner data check` and `data show`: what they count, and what they let through to a terminal."""

import json
import os
import pty
import re
import subprocess
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from datatuner import corpora, inspection
from datatuner.encoding import IGNORED
from datatuner.errors import CorpusFormatError, CorpusNotFoundError, printable
from datatuner.example import SlotValues
from datatuner.weights import BackboneSpec

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"  # a title, a cleared screen, a C1 colour, right-to-left
CONTROLS = {"\x1b", "\x07", "\x9b", "\u202e"}

# One token for each byte: lengths can be counted by hand.
BYTES = BackboneSpec("scratch", "bytes", architecture={"model_type": "gpt2", "n_positions": 90}, vocab_size=257)
DIRT, RIM = "inform(name[Dirt], esrb[T])", "inform(name[Rim])"
TRAIN = [(DIRT, "Dirt is T."), (RIM, "Rim."), (DIRT, "Dirt, T."), (DIRT, "T: Dirt."), ("inform(name[Rim", "Broken.")]
LONG = replace(BYTES, architecture={"model_type": "gpt2", "n_positions": 2048})
# `<data>`, the tags, " inform (", " name: [ Dirt ],", " esrb: [ T ] )", `<text>`, " Dirt is T.", `<eos>`
DIRT_DATA, RIM_DATA = 1 + 3 + 9 + 16 + 14 + 1, 1 + 2 + 9 + 16 + 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ViGGO with a malformed row, and without a test split."""
    write(tmp_path / "viggo-train.csv", TRAIN)
    write(tmp_path / "viggo-valid.csv", [(RIM, "Rim!"), ("inform(name[New])", "New.")])
    return tmp_path


def write(path: Path, rows: list[tuple[str, str]]) -> None:
    path.write_text("mr,ref\n" + "".join(f'"{mr}","{ref}"\n' for mr, ref in rows), encoding="utf-8")


def checked(folder: Path, **changes: object) -> dict[str, dict[str, object]]:
    settings = {"max_length": 512, "on_error": "skip", **changes}
    splits: dict[str, dict[str, object]] = inspection.check("viggo", folder, BYTES, **settings)["splits"]  # type: ignore[arg-type]
    return splits


def test_a_training_split_is_counted(folder):
    train = checked(folder)["train"]
    assert train["counts"] == {
        **{"rows": 5, "examples": 2, "references": 4, "skipped": 1},
        **{"empty_references": 0, "without_reference": 0},
    }
    assert train["references"] == {"min": 1, "median": 2, "max": 3}
    lengths = sorted([DIRT_DATA + 11 + 1, DIRT_DATA + 9 + 1, DIRT_DATA + 9 + 1, RIM_DATA + 5 + 1])
    assert train["tokens"] == {"p50": lengths[1], "p99": lengths[3], "max": lengths[3]}
    assert train["inputs_in_train"] is None
    assert train["skipped"] == {
        "count": 1,
        "messages": [
            f"{folder}/viggo-train.csv:6: expected 'act(slot[value], ...)', found 'inform(name[Rim'. "
            "Fix the row, or pass corpus.on_error=skip to leave it out (counted)."
        ],
    }


def test_other_splits_are_compared_with_it_and_a_missing_one_is_named(folder):
    splits = checked(folder)
    assert splits["validation"]["inputs_in_train"] == 1
    assert list(splits["test"]) == ["missing"]
    assert "Corpus viggo lacks the file viggo-test.csv" in str(splits["test"]["missing"])


@pytest.mark.parametrize("limit", [DIRT_DATA + 7, 90, 10_000])
def test_cuts_are_those_of_training(folder, limit):
    """At most 90: the backbone has no more positions."""
    train = checked(folder, max_length=limit)["train"]
    over = [
        max(0, length - min(limit, 90)) for length in (DIRT_DATA + 12, DIRT_DATA + 10, DIRT_DATA + 10, RIM_DATA + 6)
    ]
    cut = sum(map(bool, over))
    assert train["cut"] == {"sequences": cut, "share": cut / 4, "tokens": sum(over)}
    assert train["tokens"] == {"p50": DIRT_DATA + 10, "p99": DIRT_DATA + 12, "max": DIRT_DATA + 12}  # before cutting


def test_targets_that_do_not_fit_are_counted_and_named(folder):
    train = checked(folder, max_length=13)["train"]  # `<data>`, `<text>`, 10 bytes, `<eos>`
    assert train["targets_too_long"]["count"] == 1  # type: ignore[index]
    assert "train example train-1: the reference needs 14 tokens" in str(train["targets_too_long"])
    nothing = checked(folder, max_length=3)["train"]
    assert (nothing["tokens"], nothing["cut"]) == (None, {"sequences": 0, "share": 0, "tokens": 0})


def test_malformed_rows_end_it_where_that_is_asked(folder):
    with pytest.raises(CorpusFormatError, match=r"viggo-train\.csv:6"):
        checked(folder, on_error="raise")


def test_the_training_split_must_be_there(folder):
    (folder / "viggo-train.csv").unlink()
    with pytest.raises(CorpusNotFoundError, match=r"lacks the file viggo-train\.csv"):
        checked(folder)


def test_a_split_of_malformed_rows_only(folder):
    write(folder / "viggo-test.csv", [("inform(", "Broken.")] * 7)
    test = checked(folder)["test"]
    assert (test["references"], test["tokens"], test["inputs_in_train"]) == (None, None, 0)
    assert test["skipped"]["count"] == 7  # type: ignore[index]
    assert len(test["skipped"]["messages"]) == test["skipped"]["count"] > inspection.MESSAGES  # type: ignore[index]


@pytest.mark.parametrize("name", ["webnlg", "e2e", "viggo", "ldc2017t10"])
def test_every_corpus_is_checked(fixtures, name):
    report = inspection.check(name, fixtures / name, BYTES, max_length=512, on_error="raise")
    for split, found in report["splits"].items():
        corpus = corpora.read(name, fixtures / name, split)
        assert found["counts"] == corpus.counts
        assert found["inputs_in_train"] == (
            None
            if split == "train"
            else sum(e.source in [t.source for t in corpora.read(name, fixtures / name, "train")] for e in corpus)
        )


# Sequences


@pytest.mark.parametrize("states", ["fine", "coarse", "none"])
def test_shown_rows_are_what_training_encodes(folder, states):
    shown = inspection.show("viggo", folder, BYTES, split="train", count=5, states=states, max_length=512)
    assert shown.title == f"viggo train: 2 of 2 examples, states={states}"
    assert shown.skipped == 1
    train = corpora.read("viggo", folder, "train", on_error="skip")
    encoder = inspection.encoder_for(train, BYTES, states=states, max_length=512)
    for example, rows in shown.examples:
        assert isinstance(example.source, SlotValues)
        encoded = encoder.example(example.source, example.references[0], "x")
        assert [learned != "-" for _, _, learned in rows] == [label != IGNORED for label in encoded.labels]
        assert [state for _, state, _ in rows] == (
            ["-"] * len(rows) if states == "none" else [encoder.tags.tag(state) for state in encoded.state_ids]
        )
        assert [token for token, _, _ in rows if token in encoder.tags.tags] == ["<data>", "<inform>"] + [
            f"<{slot.name}>" for slot in example.source.slots
        ] + ["<text>"]


def test_shown_examples_are_spread_over_the_split():
    shown = inspection.show("demo", None, LONG, split="test", count=4, states="none", max_length=2048)
    ids = [example.id for example in corpora.read("demo", None, "test")]
    assert [example.id for example, _ in shown.examples] == ids[::50]


@given(st.text())
def test_printable_text_has_no_control_characters_and_loses_nothing(text):
    shown = printable(text)
    assert shown.isprintable()
    if text.isprintable():
        assert shown == text


# The command


@pytest.fixture(scope="module")
def table(datatuner, tmp_path_factory):
    """`data check` of a ViGGO with a missing split, as text."""
    folder = tmp_path_factory.mktemp("viggo")
    write(folder / "viggo-train.csv", [*TRAIN[:-1], (f"inform(name{HOSTILE}", "Broken.")])
    write(folder / "viggo-valid.csv", [(RIM, "Rim!")])
    shown = datatuner("data", "check", "viggo", "--folder", folder)
    assert shown.returncode == 0, shown.stderr
    return shown.stdout


@pytest.mark.parametrize(
    "row",
    [
        "examples 2 1 missing",
        "references 4 1 missing",
        "min / median / max 1 / 2 / 3 1 / 1 / 1 missing",
        "cut at 512 0.00% 0.00% missing",
        "inputs also in train - 1 missing",
        "rows read 5 1 missing",
        "rows skipped 1 0 missing",
    ],
)
def test_check_prints_a_table(table, row):
    lines = [" ".join(re.sub("[│┃|]", " ", line).split()) for line in table.splitlines()]
    assert row in lines


def test_check_says_what_was_left_out_and_what_is_missing(table):
    assert re.search(r"^train: .*viggo-train\.csv:6: expected 'act\(slot\[value\], \.\.\.\)', found", table, re.M)
    assert re.search(r"^test: Corpus viggo lacks the file viggo-test\.csv", table, re.M)
    assert "Training refuses malformed rows" in table
    assert not set(table) & set(HOSTILE) & CONTROLS


@pytest.mark.slow
def test_check_as_json(datatuner, fixtures):
    shown = datatuner("data", "check", "e2e", "--data-dir", fixtures, "--json", "--max-length", 64)
    assert (shown.returncode, shown.stderr) == (0, "")
    report = json.loads(shown.stdout)
    assert (report["corpus"], report["generator"], report["max_length"]) == ("e2e", "tiny", 64)
    assert {split: found["counts"] for split, found in report["splits"].items()} == {
        split: corpora.read("e2e", fixtures / "e2e", split).counts for split in corpora.SPLITS
    }


@pytest.mark.slow
def test_own_data_and_own_configs(datatuner, fixtures, tmp_path):
    (tmp_path / "corpus").mkdir()
    yaml = "name: books\nreader:\n  _target_: datatuner.corpora.jsonl.JsonlReader\n"
    (tmp_path / "corpus" / "mine.yaml").write_text(yaml, encoding="utf-8")
    own = ("--config-dir", tmp_path, "--folder", fixtures / "jsonl")
    report = json.loads(datatuner("data", "check", "mine", *own, "--json").stdout)
    assert (report["corpus"], report["splits"]["train"]["counts"]["examples"]) == ("books", 12)
    shown = datatuner("data", "show", "mine", *own, "--n", 1)
    assert shown.stdout.startswith("books train: 1 of 12 examples")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: fetch | check | show | corrupt. `datatuner data --help` lists"),
        (["check"], "the following arguments are required: NAME"),
        (["eat", "viggo"], "invalid choice: 'eat'"),
        (["check", "vigo"], "no corpus 'vigo'. Did you mean viggo? There are: demo, e2e, "),
        (["show", "demo", "--generator", "tny"], "no generator 'tny'. Did you mean tiny?"),
        (["show", "demo", "--n", "0"], "argument --n: '0' is no number from 1 upwards"),
        (["show", "demo", "--split", "dev"], "argument --split: invalid choice: 'dev'"),
        (["check", "demo", "--max-length", "0"], "--max-length 0 must be at least 1"),
        (["check", "viggo", "--config-dir", "nowhere"], "--config-dir nowhere: no such folder."),
        (["check", "viggo", "--data-dir", "nowhere"], "Pass --folder FOLDER, or --data-dir PARENT"),
        (["fetch", "viggo", "--source", f"ftp://{HOSTILE}"], r"ftp://\x1b]0;owned\x07"),
        (["fetch", "viggo", "--source", "ftp://x"], "'ftp://x' is no http or https address"),
    ],
)
def test_mistakes_are_one_line(datatuner, tmp_path, arguments, message):
    refused = datatuner("data", *arguments, cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    (line,) = refused.stderr.splitlines()
    assert line.startswith("datatuner: error: ")
    assert message in line


YAML = {
    "unknown": "name: mine\nreadr: {_target_: x.Y}\n",
    "typed": "name: mine\nmax_length: many\n",
    "broken": "name: [mine\n",
    "empty": "",
}


@pytest.mark.parametrize("command", [("data", "check"), ("evaluate",)])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("unknown", "corpus/unknown.yaml: there is no key readr for a corpus."),
        ("typed", "corpus/typed.yaml: max_length: Value 'many' of type 'str' could not be converted to Integer."),
        ("broken", "cannot read a config file: while parsing a flow sequence in "),
        ("empty", "corpus.name is required"),
    ],
)
def test_a_mistake_in_an_own_config_is_one_line(datatuner, tmp_path, command, name, message):
    folder = tmp_path / "my (own), 'conf' #1"
    (folder / "corpus").mkdir(parents=True)
    (folder / "corpus" / f"{name}.yaml").write_text(YAML[name], encoding="utf-8")
    chosen = (name,) if command[0] == "data" else (f"corpus={name}",)
    refused = datatuner(*command, *chosen, "--config-dir", folder, cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    (line,) = refused.stderr.splitlines()
    assert line.startswith(f"datatuner: error: {message}")


# On a terminal


@pytest.fixture
def hostile(tmp_path):
    """An AMR with terminal commands in its id, its role, its concept and its sentence."""
    content = f"# AMR\n\n# ::id x{HOSTILE}\n# ::snt Hi{HOSTILE}.\n(a / b{HOSTILE} :ARG{HOSTILE} (c / d))\n"
    for part in ("training", "dev", "test"):
        path = tmp_path / f"data/amrs/split/{part}/a.txt"
        path.parent.mkdir(parents=True)
        path.write_text(content, encoding="utf-8")
    return tmp_path


def on_terminal(*arguments: object, **environment: str) -> str:
    """What the command writes to a terminal of its own."""
    main, side = pty.openpty()
    env = {**{k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}, "TERM": "xterm-256color"}
    command = [sys.executable, "-m", "datatuner.commands.data", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=side, stderr=side, stdin=side, env={**env, **environment})
    os.close(side)
    written = b""
    try:
        while chunk := os.read(main, 1 << 16):
            written += chunk
    except OSError:  # the terminal's other end is closed
        pass
    os.close(main)
    assert process.wait(timeout=60) == 0, written
    return written.decode()


@pytest.mark.slow
def test_tokens_are_coloured_by_state_on_a_terminal(datatuner):
    shown = on_terminal("show", "demo", "--n", "1", "--states", "coarse")
    legend = next(line for line in shown.splitlines() if line.startswith("states: "))
    colours = {state: colour for colour, state in re.findall(r"(\x1b\[\d+m)(<\w+>)", legend)}
    assert len(set(colours.values())) == len(colours)
    assert set(colours) == {"<data>", "<text>"}
    rows = [line for line in shown.splitlines() if re.search(r"  \S*<(data|text)>", line)]
    assert len(rows) > 20
    for row in rows:
        found = re.fullmatch(r"(\x1b\[\d+m)\S+ *\x1b\[0m  (\x1b\[\d+m)(<\w+>) *\x1b\[0m  \S+", row)
        assert found
        assert found[1] == found[2] == colours[found[3]]


@pytest.mark.parametrize("no_color", [False, True])
def test_a_corpus_sends_no_commands_to_a_terminal(hostile, monkeypatch, no_color):
    """Nothing but our colours, and not even those under NO_COLOR."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    shown = inspection.show("ldc2017t10", hostile, LONG, split="test", count=1, states="fine", max_length=512)
    (example, rows) = shown.examples[0]
    assert "\x1b" in example.id
    assert any("\x1b" in state for _, state, _ in rows)
    written = StringIO()
    console = Console(file=written, force_terminal=True, color_system="256", highlight=False, markup=False)
    inspection.print_shown(shown, console)
    plain = re.sub(r"\x1b\[\d*m", "", written.getvalue())
    assert not set(plain) & CONTROLS
    assert (plain == written.getvalue()) == no_color
    assert r"x\x1b]0;owned\x07\x1b[2J\x9b31m\u202e" in plain


@pytest.mark.slow
def test_a_pipe_gets_plain_columns_and_may_close(datatuner, tmp_path):
    """`head` goes as soon as it has its line; what came before that is whole."""
    command = f"{sys.executable} -m datatuner.commands.data show demo --n 200 | tee {tmp_path / 'seen'} | head -n 8"
    piped = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120, check=True)
    assert piped.stderr == ""
    title, legend, blank, example, *rows = piped.stdout.splitlines()
    assert title == "demo train: 200 of 1,500 examples, states=fine"
    assert legend.startswith("states: <data> <name> ")
    assert (blank, example.split()[0]) == ("", "demo-train-0001")
    assert [row.split() for row in rows[:3]] == [
        ["token", "state", "learned"],
        ["<data>", "<data>", "-"],
        ["<name>", "<name>", "-"],
    ]
