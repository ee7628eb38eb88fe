"""Export, load and generate, by real commands on the demo corpus: what a user takes away, and does with it."""

import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import datatuner as package
from datatuner import corpora
from datatuner.checkpoints import load_generator
from datatuner.commands.generate import show
from datatuner.errors import ConfigError, ExportError, RecordError
from datatuner.example import SlotValues
from datatuner.generation import generate
from datatuner.records import LABELS
from datatuner.tuner import Result, Text
from tests.conftest import DATATUNER, hears_ctrl_c
from tests.test_run import wait_for

TEST = corpora.read("demo", None, "test")
SLOTS = [example.source.slots for example in TEST if isinstance(example.source, SlotValues)]
TRAIN_FIRST = corpora.read("demo", None, "train")[0].source
UNNEEDED = ("hydra", "omegaconf", "pytorch_lightning", "wandb", "datatuner.config")
RECORD = {"name": "Larkfield Path", "type": "walk", "region": "the north"}


@pytest.fixture(scope="module")
def tuner(exported: Path) -> Any:
    return package.load(exported)


def predictions(base_run: Path) -> list[dict[str, Any]]:
    (path,) = (base_run / "demo").glob("evaluate-*/predictions.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def beams(base_run: Path) -> list[dict[str, Any]]:
    (path,) = (base_run / "demo").glob("decode-*/beams.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_texts_are_those_of_the_run(tuner, base_run):
    results = tuner.generate([example.source for example in TEST], batch_size=7)
    assert [result.text for result in results] == [row["text"] for row in predictions(base_run)]
    for result, row in zip(results, predictions(base_run), strict=True):
        assert len(result.candidates[0].errors) == len(row["verdict"]["slot_errors"])
        assert (result.label, result.fidelity) == (None, None)
        assert set(result.missing) == {error for error in result.candidates[0].errors if error.kind == "missing"}


def test_loading_needs_neither_hydra_nor_lightning_nor_the_original_paths(exported, tmp_path):
    moved = tmp_path / "elsewhere"
    shutil.copytree(exported, moved)
    code = (
        f"import sys, datatuner; t = datatuner.load({str(moved)!r}); print(len(t.generate({RECORD!r}).candidates)); "
        f"print([m for m in {UNNEEDED} if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == ["2", "[]"]
    assert ran.stderr == ""


def test_a_tied_gpt2_runs_in_plain_transformers_by_the_lines_of_its_card(exported, tuner):
    card = (exported / "README.md").read_text(encoding="utf-8")
    _, _, rest = card.partition("## Without datatuner")
    code = rest.partition("```python\n")[2].partition("```")[0]
    assert "datatuner" not in code
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=exported)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [each.text for each in tuner.generate(TRAIN_FIRST).candidates]


def test_the_card_says_what_was_measured(exported, base_run):
    card = (exported / "README.md").read_text(encoding="utf-8")
    (metrics,) = (base_run / "demo").glob("evaluate-*/metrics.json")
    bleu = json.loads(metrics.read_text(encoding="utf-8"))["metrics"]["bleu"]
    assert f"| BLEU, lower-cased | {bleu['value']:.2f} [{bleu['low']:.2f}, {bleu['high']:.2f}] | {bleu['n']} |" in card
    assert "There is no fidelity classifier in this export" in card


def test_one_record_or_a_list_of_them(tuner):
    one = tuner.generate(RECORD)
    two = tuner.generate([RECORD, {"slots": RECORD}])
    assert [each.text for each in two] == [one.text, one.text]
    assert isinstance(one.source, SlotValues)
    assert one.alternatives == one.candidates[1:]
    assert tuner.generate([]) == []
    assert len(tuner.generate(RECORD, n_best=1).candidates) == 1
    assert one.cut == 0
    assert tuner.generate({**RECORD, "sights": "mill, " * 400}).cut > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_best": 3}, "n_best=3 must lie between 1 and 2, the length of this export's own list."),
        (
            {"reranking": "severty"},
            "reranking=severty must be one of none, binary, severity, probability, slots. Did you",
        ),
        ({"reranking": "oracle"}, "reranking=oracle must be one of none, "),
        ({"reranking": "severity"}, "reranking=severity needs a fidelity classifier, and this export has none."),
        ({"abstain_below": 0.5}, "abstain_below needs a fidelity classifier, and this export has none."),
        ({"batch_size": 0}, "batch_size=0 must be at least 1."),
    ],
)
def test_what_this_export_cannot_serve_is_refused(tuner, options, message):
    with pytest.raises(ConfigError) as refused:
        tuner.generate(RECORD, **options)
    assert str(refused.value).startswith(message)


def test_a_record_of_another_kind_is_refused(tuner):
    with pytest.raises(RecordError, match="record 2: expected slots, which this model was trained on, found triples"):
        tuner.generate([RECORD, [("Ulla", "bornIn", "Fens")]])


def damage(folder: Path, name: str) -> None:
    path = folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def edited(folder: Path, **changes: Any) -> None:
    path = folder / "export.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda f: damage(f, "generator/model.safetensors"),
            "generator/model.safetensors is not the file that was expor",
        ),
        (lambda f: damage(f, "aligner.json"), "aligner.json is not the file that was exported: damaged or changed."),
        (
            lambda f: (f / "generator/tags.json").unlink(),
            "generator/tags.json is missing, so the export is incomplete.",
        ),
        (lambda f: (f / "export.json").unlink(), "is no exported model: export.json is not there."),
        (
            lambda f: (f / "export.json").write_text("{", encoding="utf-8"),
            "export.json cannot be read, so the export is",
        ),
        (
            lambda f: edited(f, format=2, datatuner="9.0"),
            "has format 2, written by datatuner 9.0; this one reads formats",
        ),
        (lambda f: edited(f, corpus="viggo"), "export.json was changed after the export."),
        (
            lambda f: (f / "generator/adapter_config.json").write_text("{}", encoding="utf-8"),
            "generator/adapter_config.json is not part of the export, and might be loaded. Remove it.",
        ),
    ],
)
def test_a_folder_that_is_not_as_it_was_exported_is_refused(exported, tmp_path, change, message):
    folder = tmp_path / "demo"
    shutil.copytree(exported, folder)
    (folder / "notes.txt").write_text("mine", encoding="utf-8")  # beside the models nothing is loaded
    package.load(folder)
    change(folder)
    with pytest.raises(ExportError) as refused:
        package.load(folder)
    assert message in str(refused.value)
    assert str(folder) in str(refused.value)


def test_what_cannot_be_exported_is_one_line_and_leaves_nothing(base_run, datatuner, tmp_path, exported):
    def refused(*arguments: object) -> str:
        ran = datatuner("export", *arguments, cwd=tmp_path)
        assert ran.returncode == 2
        (line,) = ran.stderr.splitlines()
        return str(line).removeprefix("datatuner: error: ")

    (decode,) = (base_run / "demo").glob("decode-*")
    assert refused(decode, "out") == f"{decode} is a decode folder: name an evaluate-… or train-… folder."
    assert refused("nowhere", "out").startswith("nowhere is no folder of a run: stage.json is missing or damaged.")
    (train,) = (base_run / "demo").glob("train-*")
    assert refused(train, exported) == f"{exported} is there already: name another folder, or remove it."
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_of_two_exports_to_one_folder_at_once_one_is_refused(base_run, tmp_path):
    """The second has seen no folder when it began; what it has made until then is gone, and the first's is whole."""
    (evaluation,) = (base_run / "demo").glob("evaluate-*")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "datatuner.commands.export", evaluation, out]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ended = sorted((process.communicate(timeout=250)[1], process.returncode) for process in both)
    assert ended[0] == ("", 0)
    assert ended[1] == (f"datatuner: error: {out} is there already: name another folder, or remove it.\n", 2)
    assert package.load(out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.slow
def test_a_training_is_exported_alone(base_run, datatuner, tmp_path):
    (train,) = (base_run / "demo").glob("train-*")
    assert datatuner("export", train, tmp_path / "out").returncode == 0
    result = package.load(tmp_path / "out").generate(RECORD)
    assert (result.label, result.fidelity, len(result.candidates)) == (None, None, 5)


@pytest.mark.slow
def test_states_of_their_own_and_none_are_exported_too(small, datatuner, tmp_path):
    """The table beside the model; the card sends to datatuner for it, and to transformers where there are no states."""
    for number, (overrides, said) in enumerate(
        (
            (["generator.state_table=own"], "plain transformers would leave its states out"),
            (["states=none"], "model.generate(inputs, attention_mask=torch.ones_like(inputs))"),
        )
    ):
        assert datatuner("train", *small, *overrides, "seed=2", f"runs_dir={tmp_path / str(number)}").returncode == 0
        (train,) = (tmp_path / str(number) / "demo").glob("train-*")
        assert datatuner("export", train, tmp_path / f"out{number}").returncode == 0
        tuner = package.load(tmp_path / f"out{number}")
        trained = load_generator(train, max_new_tokens=tuner.decoding.max_new_tokens)
        sources = [example.source for example in TEST[:5]]
        lists = generate(trained, sources, tuner.decoding, batch_size=5).lists
        found = [[each.text for each in result.candidates] for result in tuner.generate(sources)]
        assert found == [[each.text for each in own] for own in lists]
        assert said in (tmp_path / f"out{number}" / "README.md").read_text(encoding="utf-8")


# --- datatuner generate


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    """300 records, and some lines that are none."""
    lines = [json.dumps({"id": f"r{n}", "slots": dict(slots)}) for n, slots in enumerate(SLOTS[:150])]
    lines += [", ".join(f"{name}[{value}]" for name, value in slots) for slots in SLOTS[:150]]
    lines[40], lines[41:43] = "", ['{"slots": 3}', '{"slots"']
    lines[50], lines[51] = '{"name": "\udcff"}', "[" * 100_000  # a byte that is not UTF-8, and what no parser takes
    lines[60] = '{"id": "flat", "name": "Larkfield Path"}'
    path = tmp_path / "facts.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="surrogateescape")
    return path


def answers(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_line_is_answered_or_reported(exported, tuner, facts, datatuner, tmp_path):
    out = tmp_path / "texts.jsonl"
    ran = datatuner("generate", exported, "--input", facts, "--output", out, "--on-error", "skip")
    assert ran.returncode == 0, ran.stderr
    said = [line for line in ran.stderr.splitlines() if line.startswith("left out: ")]
    assert [line.partition(": expected")[0] for line in said] == [f"left out: {facts}:{n}" for n in (42, 43, 51, 52)]
    assert ran.stderr.splitlines()[-1] == "295 texts, 4 lines left out"
    rows = answers(out)
    assert [row["line"] for row in rows] == [n for n in range(1, 301) if n not in (41, 42, 43, 51, 52)]
    (flat,) = (row for row in rows if row["id"] == "flat")
    assert {error["slot"] for error in flat["errors"]} <= {"name", "text"}  # its id is no slot
    assert rows[0]["id"] == "r0"
    assert rows[-1]["id"] == "300"
    assert [rows[n]["text"] for n in (0, 145)] == [tuner.generate(TEST[0].source).text] * 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["facts.jsonl", "texts.jsonl"]


@pytest.mark.slow
def test_a_malformed_line_ends_it_and_the_same_command_goes_on(exported, facts, datatuner, tmp_path):
    out = tmp_path / "texts.jsonl"
    command = ("generate", exported, "--input", facts, "--output", out)
    ran = datatuner(*command)
    assert ran.returncode == 2
    assert ran.stderr.splitlines()[-1].startswith(f"datatuner: error: {facts}:42: expected 'slots' with an object")
    assert not out.exists()
    ran = datatuner(*command, "--on-error", "skip")
    assert ran.returncode == 0, ran.stderr
    assert len(answers(out)) == 295
    ran = datatuner(*command)
    assert ran.stderr == f"datatuner: error: --output {out} is there already: name another file, or remove it.\n"


@pytest.mark.slow
def test_a_pipe_is_read_once(exported, datatuner, tmp_path):
    pipe, out = tmp_path / "pipe", tmp_path / "texts.jsonl"
    os.mkfifo(pipe)
    with subprocess.Popen(["sh", "-c", f"printf 'name[A]\\nname[B]\\n' > {pipe}"]):
        ran = datatuner("generate", exported, "--input", pipe, "--output", out)
    assert ran.returncode == 0, ran.stderr
    assert [row["line"] for row in answers(out)] == [1, 2]


@pytest.mark.slow
def test_a_second_process_on_the_same_output_is_refused(exported, datatuner, tmp_path):
    out = tmp_path / "texts.jsonl"
    command = [sys.executable, "-m", "datatuner.commands.generate", exported, "--input", "-", "--output", out]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as first:
        assert first.stdin is not None
        first.stdin.write("name[A]\n" * 300)
        first.stdin.flush()
        while not (tmp_path / "texts.jsonl.partial.json").exists():
            time.sleep(0.1)
        second = datatuner("generate", exported, "--input", "-", "--output", out, input="name[B]\n")
        assert second.returncode == 2
        assert f"another process writes {out}.partial. Wait for it, or name another --output." in second.stderr
        first.stdin.close()
        assert first.wait(120) == 0
    assert [row["line"] for row in answers(out)] == list(range(1, 301))


@pytest.mark.slow
def test_two_precisions_are_not_mixed(exported, datatuner, tmp_path):
    facts = tmp_path / "facts.jsonl"
    facts.write_text("name[A]\n" * 300 + "{\n", encoding="utf-8")
    command = ("generate", exported, "--input", facts, "--output", tmp_path / "texts.jsonl")
    assert datatuner(*command).returncode == 2
    other = datatuner(*command, "--precision", "bfloat16")
    assert other.returncode == 2
    assert "is of another input, export or options" in other.stderr


def test_a_device_that_is_not_there_is_named(exported):
    with pytest.raises(ConfigError, match="device=cuda cannot be used here: "):
        package.load(exported, device="cuda")
    with pytest.raises(ConfigError, match="device=foo cannot be used here: "):
        package.load(exported, device="foo")


@pytest.mark.slow
@pytest.mark.parametrize("beam", [1, 5])
def test_the_n_best_in_plain_transformers(base_run, small, datatuner, tmp_path, beam):
    words = [word for word in small if not word.startswith("decoding.")]
    decoding = [f"decoding.beam_size={beam}", f"decoding.n_best={beam}", "decoding.max_new_tokens=60"]
    runs = shutil.copytree(base_run, tmp_path / "runs")  # others count on what is in the base run
    ran = datatuner("run", *words, *decoding, "seed=1", f"runs_dir={runs}")
    assert ran.returncode == 0, ran.stderr
    (evaluation,) = (
        line.split(": ")[1] for line in ran.stdout.splitlines() if line.startswith("done: ") and "eval" in line
    )
    assert datatuner("export", evaluation, tmp_path / "five").returncode == 0
    card = (tmp_path / "five" / "README.md").read_text(encoding="utf-8")
    code = card.partition("## Without datatuner")[2].partition("```python\n")[2].partition("```")[0]
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path / "five"
    )
    ours = [each.text for each in package.load(tmp_path / "five").generate(TRAIN_FIRST).candidates]
    assert len(ours) == beam
    assert ran.stdout.splitlines() == ours


@pytest.mark.slow
def test_standard_input_and_output(exported, datatuner, tmp_path):
    typed = "name[Larkfield Path], type[walk]\n\n"
    ran = datatuner("generate", exported, "--input", "-", "--output", "-", "--n-best", 1, input=typed, cwd=tmp_path)
    (row,) = map(json.loads, ran.stdout.splitlines())
    assert (row["line"], row["alternatives"]) == (1, [])


@pytest.mark.slow
def test_records_are_typed(exported, datatuner):
    ran = datatuner("generate", exported, "--interactive", input='name[Larkfield Path]\n{"slots"\n')
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0] == "demo: type a record (slots); Ctrl-D ends."
    assert sum(line.startswith(("> 1. ", "2. ")) for line in lines) == 2
    assert "record: expected one JSON value, found " in ran.stdout


def test_a_typed_records_probability_says_what_it_is_calibrated_on():
    shown = io.StringIO()
    text = Text("Fen Walk is a walk.", "accurate", 0.93, dict.fromkeys(LABELS, 0.2), (), (), -3.5, complete=True)
    show(Result(TRAIN_FIRST, (text,)), Console(file=shown, width=200, highlight=False, markup=False))
    first, second = shown.getvalue().splitlines()
    assert first == "1. Fen Walk is a walk."
    assert second.strip() == "accurate (accurate: 93%, calibrated on corrupted references)"


@pytest.mark.slow
def test_killed_at_any_moment_no_line_is_lost_or_repeated(exported, datatuner, tmp_path):
    facts = tmp_path / "facts.jsonl"
    records = [json.dumps(dict(slots)) for slots in SLOTS] * 8
    facts.write_text("\n".join(records) + "\n", encoding="utf-8")
    whole, killed = tmp_path / "whole.jsonl", tmp_path / "killed.jsonl"
    assert datatuner("generate", exported, "--input", facts, "--output", whole).returncode == 0
    rng, command = random.Random(3), [sys.executable, "-m", "datatuner.commands.generate", exported]
    deaths = 0
    while not killed.exists() and deaths < 20:
        process = subprocess.Popen([*command, "--input", facts, "--output", killed], stderr=subprocess.DEVNULL)
        partial, least = tmp_path / "killed.jsonl.partial", (deaths + 1) * 150_000
        while process.poll() is None and (not partial.exists() or partial.stat().st_size < least):
            time.sleep(0.05)
        time.sleep(rng.random())
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            deaths += 1
        process.wait()
    assert deaths >= 2
    assert killed.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["facts.jsonl", "killed.jsonl", "whole.jsonl"]


@pytest.mark.slow
def test_what_is_left_of_another_input_is_refused(exported, datatuner, tmp_path):
    facts, out = tmp_path / "facts.jsonl", tmp_path / "texts.jsonl"
    facts.write_text(json.dumps(RECORD) + "\n" * 300 + "{\n", encoding="utf-8")
    command = ("generate", exported, "--input", facts, "--output", out)
    assert datatuner(*command).returncode == 2
    facts.write_text(json.dumps({**RECORD, "type": "ride"}) + "\n" * 300, encoding="utf-8")
    ran = datatuner(*command)
    assert ran.returncode == 2
    assert ran.stderr.splitlines()[-1].startswith(
        f"datatuner: error: {out}.partial is of another input, export or option"
    )


@pytest.mark.parametrize("record", [("Ulla", "population", 3), ("Ulla", "bornIn")])
def test_a_triple_that_is_none_is_named_as_one(tuner, record):
    with pytest.raises(RecordError, match=r"record 1: expected a triple of three texts, found .*Ulla"):
        tuner.generate([record])


@pytest.mark.slow
def test_a_folder_of_runs_names_one_of_them(base_run, datatuner, tmp_path):
    refused = datatuner("export", base_run, tmp_path / "x")
    assert refused.returncode == 2
    assert "Name one in it, such as " in refused.stderr
    assert "/evaluate-none-" in refused.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGUSR1])
def test_a_signal_ends_generate_with_one_line_and_keeps_what_is_written(exported, tmp_path, number):
    output = tmp_path / "texts.jsonl"
    command = [str(DATATUNER), "generate", str(exported), "--input", "-", "--output", str(output), "--batch-size", "1"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hears_ctrl_c,  # noqa: PLW1509 - no threads here
    ) as process:
        wait_for(lambda: list(tmp_path.glob("texts.jsonl.partial")))
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    reason = "interrupted" if number == signal.SIGINT else "stopped by SIGUSR1"
    kept = "What is written is kept: the same command goes on from there."
    assert (process.returncode, errors.splitlines()[-1]) == (2, f"datatuner: error: {reason}. {kept}")
    assert "Traceback" not in errors
