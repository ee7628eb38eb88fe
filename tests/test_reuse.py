"""What is found again is what was asked for: inputs that changed, outputs that were damaged, other code, are noticed.

Inputs are edited while a real process waits for a stage's lock, between its planning and its reading.
"""

import ast
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from datatuner import corpora, provenance
from datatuner.checkpoints import load_generator
from datatuner.classifier_training import train_classifier
from datatuner.corpora import Corpus
from datatuner.corpora.checksums import checksum
from datatuner.errors import BackboneError, ChangedError, ExportError
from datatuner.example import AmrGraph, AmrNode, Example, Slot, SlotValues, Triple, Triples
from datatuner.exportable import Run
from datatuner.given_texts import given_files
from datatuner.lineage import ensure_saved, intact, other_code, seal
from datatuner.nbest import scored_rows
from datatuner.provenance import code_of, syntax_digest
from datatuner.rows import evaluations
from datatuner.training import CheckpointInPlace, train_generator
from datatuner.weights import BackboneSpec, ensure_checksum, weights_checksum
from tests.test_run import stages, started, wait_for
from tests.trainings import make_plan

CHANGED = "not the one that this stage was planned with"
NOT_LEFT = "is not the file that its stage left"


def write_corpus(folder: Path, **changes: dict[str, str]) -> Path:
    """Own data of 12 demo records a split; `changes` replaces the first reference of a split's first record."""
    folder.mkdir(parents=True, exist_ok=True)
    for split in corpora.SPLITS:
        lines = []
        for example in corpora.read("demo", None, split)[:12]:
            assert isinstance(example.source, SlotValues)
            texts = [*example.references[1:], changes.get(split, {}).get(example.id, example.references[0])]
            lines.append(json.dumps({"id": example.id, "slots": example.source.slots, "references": texts}))
        (folder / f"{split}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


FIRST = {split: corpora.read("demo", None, split)[0].id for split in corpora.SPLITS}


@pytest.fixture
def evaluation(tmp_path: Path) -> list[str]:
    """Arguments of an evaluation of own data's references, in tmp_path/data."""
    folder = write_corpus(tmp_path / "data")
    own = ["corpus=jsonl", "corpus.name=walks", f"corpus.folder={folder}", f"runs_dir={tmp_path / 'runs'}"]
    return ["evaluate", *own, "predictions=references", "bootstrap_samples=40"]


@contextmanager
def waiting_for(folder: Path, *arguments: str, cwd: Path) -> Iterator[Any]:
    """The command, which has planned and waits for the lock on `folder` until the block ends; its result is `done`."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock, started(*arguments, cwd=cwd) as process:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = process.stderr.readline() if process.stderr else ""
        assert said.startswith("waiting for another process"), said
        process.done = None  # type: ignore[attr-defined]
        yield process
        fcntl.flock(lock, fcntl.LOCK_UN)
        process.done = process.communicate(timeout=120)  # type: ignore[attr-defined]


def unfinished(datatuner: Callable[..., Any], runs: Path, arguments: list[str]) -> tuple[Path, dict[str, Any]]:
    """The folder of an evaluation that is to be done again, and what it said the first time."""
    ran = datatuner(*arguments)
    assert ran.returncode == 0, ran.stderr
    (folder,) = (runs / "walks").iterdir()
    metrics: dict[str, Any] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["metrics"]
    shutil.rmtree(folder)
    return folder, metrics


# B.1 Inputs edited between planning and reading


@pytest.mark.parametrize("split", ["test", "train"])  # what is scored, and what texts are aligned by
def test_a_corpus_that_changes_before_it_is_read_is_refused(evaluation, datatuner, tmp_path, split):
    folder, before = unfinished(datatuner, tmp_path / "runs", evaluation)
    with waiting_for(folder, *evaluation, cwd=tmp_path) as process:
        write_corpus(tmp_path / "data", **{split: {FIRST[split]: "Something else."}})
    write_corpus(tmp_path / "data")
    _, said = process.done
    assert process.returncode == 2, said
    assert f"the {split} split in {tmp_path / 'data'} is {CHANGED}" in said.splitlines()[-1]
    assert not (folder / "done.json").exists()
    again = datatuner(*evaluation)
    assert (again.returncode, again.stdout.splitlines()[0]) == (0, f"done: {folder}")
    assert json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["metrics"] == before


@pytest.mark.slow
def test_texts_that_change_before_they_are_read_are_refused(evaluation, datatuner, tmp_path):
    theirs = tmp_path / "theirs.txt"
    texts = "\n".join(example.references[0] for example in corpora.read("demo", None, "test")[:12])
    theirs.write_text(texts, encoding="utf-8")
    arguments = [argument.replace("predictions=references", f"predictions={theirs}") for argument in evaluation]
    folder, before = unfinished(datatuner, tmp_path / "runs", arguments)
    with waiting_for(folder, *arguments, cwd=tmp_path) as process:
        theirs.write_text(texts.lower(), encoding="utf-8")
    assert process.returncode == 2
    assert f"predictions={theirs} has changed since" in process.done[1].splitlines()[-1]
    theirs.write_text(texts, encoding="utf-8")
    assert datatuner(*arguments).returncode == 0
    assert json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["metrics"] == before


@pytest.mark.slow
def test_a_test_split_that_changes_while_a_run_trains_is_refused_and_the_right_score_comes(datatuner, small, tmp_path):
    folder = write_corpus(tmp_path / "data")
    own = ["corpus=jsonl", "corpus.name=walks", f"corpus.folder={folder}", "seed=1"]
    overrides = [each for each in small if each != "corpus=demo"]
    undisturbed = ["run", *own, *overrides, f"runs_dir={tmp_path / 'undisturbed'}"]
    assert datatuner(*undisturbed).returncode == 0
    arguments = ["run", *own, *overrides, f"runs_dir={tmp_path / 'runs'}"]
    with started(*arguments, cwd=tmp_path) as process:
        wait_for(lambda: list(tmp_path.glob("runs/walks/train-*/log.txt")))
        write_corpus(folder, test={FIRST["test"]: "Something else."})
        _, said = process.communicate(timeout=120)
    assert process.returncode == 2
    assert f"the test split in {folder} is {CHANGED}" in said.splitlines()[-1]
    write_corpus(folder)
    again = datatuner(*arguments)
    assert again.returncode == 0, again.stderr
    found = [next(tmp_path.glob(f"{name}/walks/evaluate-*/metrics.json")) for name in ("undisturbed", "runs")]
    one, other = (json.loads(path.read_text(encoding="utf-8"))["metrics"] for path in found)
    assert one == other


def test_weights_that_change_after_planning_are_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    spec = BackboneSpec("folder", str(tmp_path))
    planned = weights_checksum(spec)
    ensure_checksum(spec, planned)
    ensure_checksum(spec, None)
    (tmp_path / "model.safetensors").write_bytes(b"Weights")
    with pytest.raises(ChangedError, match="have changed since this command planned"):
        ensure_checksum(spec, planned)
    (tmp_path / "config.json").unlink()
    with pytest.raises(BackboneError):
        ensure_checksum(spec, planned)


@pytest.mark.parametrize("train", [train_generator, train_classifier])
def test_a_training_refuses_weights_that_are_not_those_planned(tmp_path, demo, train):
    plan = make_plan()
    encoder = {"origin": "scratch", "name": "tiny", "vocab_size": 300, "architecture": {"model_type": "bert"}}
    config = {**plan["config"], "classifier": {"encoder": encoder}}
    plan = {**plan, "config": config, "inputs": {"weights": "others"}}
    arguments = (demo, demo, tmp_path) if train is train_generator else (demo, [], [], tmp_path)
    with pytest.raises(ChangedError, match="the weights have changed"):
        train(plan, *arguments)


# B.2 A corpus is known by what was read of it

words = st.text(max_size=6)
sources = st.one_of(
    st.builds(Triples, st.tuples(st.builds(Triple, words, words, words))),
    st.builds(SlotValues, st.lists(st.builds(Slot, words, words), max_size=3).map(tuple), st.none() | words),
    st.builds(
        lambda role, value: AmrGraph(AmrNode("a", "b", ((role, value), (role, AmrNode("c", "d"))))), words, words
    ),
)
examples = st.builds(
    Example, words, st.just("test"), sources, st.lists(words, max_size=3).map(tuple), st.dictionaries(words, words)
)


@given(st.lists(examples, max_size=3), st.lists(examples, max_size=3))
def test_checksums_are_equal_where_examples_are(one: list[Example], other: list[Example]) -> None:
    same = Corpus(tuple(one), {}).checksum == Corpus(tuple(other), {}).checksum
    assert same == (one == other)
    assert Corpus(tuple(one), {}).checksum == Corpus(tuple(one), {"rows": 7}, ("left out",)).checksum


READER = """
import json
from helpers import tidy
from datatuner.example import Example, Slot, SlotValues

class Reader:
    def files(self, folder, split):
        return [folder / f"{split}.jsonl"]

    def read(self, folder, split, tally):
        extra = (folder / "extra.txt").read_text()
        for line in (folder / f"{split}.jsonl").read_text().split("\\n"):
            row = json.loads(line)
            slots = SlotValues(tuple(Slot(*slot) for slot in row["slots"]))
            yield Example(row["id"], split, slots, tuple(tidy(text) + extra for text in row["references"]))
"""


@pytest.mark.slow
def test_what_an_own_readers_helpers_and_unnamed_files_say_is_part_of_every_fingerprint(datatuner, tmp_path):
    data = write_corpus(tmp_path / "data")
    (data / "extra.txt").write_text("")
    (tmp_path / "mine.py").write_text(READER)
    helpers = "def tidy(text):\n    return text{}\n"
    (tmp_path / "helpers.py").write_text(helpers.format(""))
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "mine.yaml").write_text("name: mine\nreader: {_target_: mine.Reader}\n")
    own = ["evaluate", "--config-dir", tmp_path, "corpus=mine", f"corpus.folder={data}"]
    arguments = [*own, "predictions=references", "bootstrap_samples=40"]

    def outcome() -> str:
        ran = datatuner(*arguments, cwd=tmp_path)
        assert ran.returncode == 0, ran.stderr
        return str(ran.stdout).split(":")[0]

    assert [outcome(), outcome()] == ["done", "reused"]
    (tmp_path / "helpers.py").write_text(helpers.format(".upper()"))
    assert [outcome(), outcome()] == ["done", "reused"]
    (data / "extra.txt").write_text(" more")
    assert [outcome(), outcome()] == ["done", "reused"]
    (tmp_path / "helpers.py").write_text(helpers.format("") + "# a comment\n")
    (data / "extra.txt").write_text("")
    assert outcome() == "reused"  # it reads what it read at first


def test_checksums_of_own_formats_are_kept_by_content_and_version(fixtures, tmp_path, monkeypatch):
    folder, cache = tmp_path / "viggo", tmp_path / "cache"
    shutil.copytree(fixtures / "viggo", folder)

    def of(split: str, *, version: str = "1", where: Path = cache) -> str:
        return checksum("viggo", folder, split, on_error="raise", reader=None, cache=where, version=version)

    expected = corpora.read("viggo", folder, "test").checksum
    assert of("test") == expected
    (kept,) = (cache / "corpora").iterdir()
    kept.write_text("0" * 64)
    assert of("test") == "0" * 64  # found again, without reading
    assert of("test", version="2") == expected
    kept.write_text("damaged")
    assert of("test") == expected
    read = corpora.read

    def edited_meanwhile(*arguments: Any, **options: Any) -> Corpus:
        path.write_bytes(path.read_bytes().replace(b"Reed Racer", b"Reed Racers"))
        return read(*arguments, **options)

    path = folder / "viggo-test.csv"
    content = path.read_bytes()
    path.write_bytes(content)  # at another time
    with monkeypatch.context() as patched:
        patched.setattr(corpora, "read", edited_meanwhile)
        assert of("test", version="3") != expected
    path.write_bytes(content)
    assert of("test", version="3") == expected  # what was read of other files was not kept under these
    assert of("train") != expected
    path.write_bytes(path.read_bytes().replace(b"Reed Racer", b"Reed Racers"))
    assert of("test") == corpora.read("viggo", folder, "test").checksum != expected
    (tmp_path / "file").write_text("")
    assert of("test", where=tmp_path / "file") == of("test")  # a cache that cannot be written


def test_seen_categories_are_part_of_webnlgs_test_split(fixtures, tmp_path):
    folder = tmp_path / "webnlg"
    shutil.copytree(fixtures / "webnlg", folder)

    def of_test() -> str:
        return checksum("webnlg", folder, "test", on_error="raise", reader=None, cache=tmp_path / "cache", version="1")

    before = of_test()
    for path in corpora.files("webnlg", folder, "train"):
        path.write_bytes(path.read_bytes().replace(b'category="', b'category="X'))
    assert of_test() == corpora.read("webnlg", folder, "test").checksum != before


# B.3 What a stage left is checked when it is read


@pytest.fixture
def runs(base_run: Path, tmp_path: Path) -> dict[str, Path]:
    """The stages of a finished run, to be damaged."""
    shutil.copytree(base_run, tmp_path / "runs")
    return stages(tmp_path / "runs")


def flip(path: Path) -> None:
    """One bit in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


IDS = [example.id for example in corpora.read("demo", None, "test")]
READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "best.ckpt": ("train", lambda folder: load_generator(folder, max_new_tokens=8)),
    "encoding.json": ("train", lambda folder: load_generator(folder, max_new_tokens=8)),
    "tokenizer/tokenizer.json": ("train", lambda folder: load_generator(folder, max_new_tokens=8)),
    "scored.jsonl": ("score", lambda folder: scored_rows(folder, IDS)),
    "metrics.json": ("evaluate", lambda folder: evaluations([folder])),
    "predictions.jsonl": ("evaluate", lambda folder: evaluations([folder])),
}


@pytest.mark.parametrize("name", READERS)
def test_whoever_reads_a_damaged_output_says_so(runs, name):
    kind, read = READERS[name]
    assert name in json.loads((runs[kind] / "done.json").read_text(encoding="utf-8"))["outputs"]
    read(runs[kind])
    flip(runs[kind] / name)
    with pytest.raises(ChangedError, match=NOT_LEFT):
        read(runs[kind])


@pytest.mark.parametrize("reader", [Run.of, lambda folder: given_files([str(folder)])])
def test_exports_and_comparisons_read_no_damaged_evaluation(runs, reader):
    reader(runs["evaluate"])
    for name in ("metrics.json", "predictions.jsonl"):
        flip(runs["evaluate"] / name)
    with pytest.raises(ChangedError, match=NOT_LEFT):
        reader(runs["evaluate"])


def test_files_deep_in_a_tokenizers_folder_are_its_outputs_too(runs):
    (runs["train"] / "tokenizer" / "additional_chat_templates").mkdir()
    (runs["train"] / "tokenizer" / "additional_chat_templates" / "tool_use.jinja").write_text("{{ x }}")
    done = json.loads((runs["train"] / "done.json").read_text(encoding="utf-8"))
    done["outputs"] = seal(runs["train"], "train")
    (runs["train"] / "done.json").write_text(json.dumps(done))
    assert "tokenizer/additional_chat_templates/tool_use.jinja" in done["outputs"]
    assert load_generator(runs["train"], max_new_tokens=8).encoder.tags.tags


def test_a_file_beside_a_tokenizer_is_refused(runs):
    (runs["train"] / "tokenizer" / "added_tokens.json").write_text('{"<name>": 7}')
    with pytest.raises(ChangedError, match=r"added_tokens\.json"):
        load_generator(runs["train"], max_new_tokens=8)
    shutil.rmtree(runs["train"] / "tokenizer")
    with pytest.raises(ChangedError, match="is missing, which its stage left"):
        load_generator(runs["train"], max_new_tokens=8)


def test_the_next_stage_refuses_a_damaged_one_in_one_line(runs, datatuner, small, tmp_path):
    flip(runs["decode"] / "beams.jsonl")
    shutil.rmtree(runs["score"])
    ran = datatuner("run", *small, "seed=1", f"runs_dir={tmp_path / 'runs'}")
    assert ran.returncode == 2
    last = ran.stderr.splitlines()[-1]
    assert f"{runs['decode'].resolve() / 'beams.jsonl'} {NOT_LEFT}" in last
    assert f"Remove {runs['decode'].resolve()}" in last
    assert "Traceback" not in ran.stderr


def test_what_an_earlier_version_left_is_read_and_said(runs, caplog):
    done = json.loads((runs["score"] / "done.json").read_text(encoding="utf-8"))
    del done["outputs"]
    (runs["score"] / "done.json").write_text(json.dumps(done))
    assert intact(runs["score"] / "scored.jsonl") == runs["score"] / "scored.jsonl"
    intact(runs["score"] / "scored.jsonl")
    (said,) = [record.getMessage() for record in caplog.records]
    assert said == f"{runs['score']} holds no checksums, as an earlier version left it: its files are read unchecked"
    (runs["score"] / "done.json").write_bytes(b"\0" * 100)
    with pytest.raises(ChangedError, match=r"done\.json is damaged"):
        intact(runs["score"] / "scored.jsonl")


def test_a_folder_whose_fingerprint_only_begins_alike_is_not_reused(runs, datatuner, small, tmp_path):
    plan = json.loads((runs["decode"] / "stage.json").read_text(encoding="utf-8"))
    plan["fingerprint"] = plan["fingerprint"][:8] + "0" * 56
    (runs["decode"] / "stage.json").write_text(json.dumps(plan))
    ran = datatuner("run", *small, "seed=1", f"runs_dir={tmp_path / 'runs'}")
    assert ran.returncode == 2
    assert f"{runs['decode']} is finished, but of another stage" in ran.stderr.splitlines()[-1]


def test_a_checkpoint_is_whole_whenever_its_writer_is_killed(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    CheckpointInPlace().save_checkpoint({"step": torch.tensor(1)}, path)
    ensure_saved(path, "")
    replace = os.replace

    def killed(old: Path, new: Path) -> None:
        if Path(new) == path:
            raise KeyboardInterrupt
        replace(old, new)

    for _ in range(2):  # by a process that went on, too
        with monkeypatch.context() as patched:
            patched.setattr(os, "replace", killed)
            with pytest.raises(KeyboardInterrupt):
                CheckpointInPlace().save_checkpoint({"step": torch.tensor(2)}, path)
        ensure_saved(path, "")  # killed before the renaming: the first
    replace(tmp_path / ".last.ckpt.new", path)
    ensure_saved(path, "")  # killed right after it: the second
    CheckpointInPlace().save_checkpoint({"step": torch.tensor(3)}, path)
    assert len((tmp_path / "last.ckpt.sha256").read_text().splitlines()) == 1
    noted = (tmp_path / "last.ckpt.sha256").read_bytes()
    for damaged in (b"", b"\n", b"\xff\xfe"):
        (tmp_path / "last.ckpt.sha256").write_bytes(damaged)
        with pytest.raises(ChangedError, match="is not the file that was saved"):
            ensure_saved(path, "")
    (tmp_path / "last.ckpt.sha256").write_bytes(noted)
    flip(path)
    with pytest.raises(ChangedError, match="is not the file that was saved"):
        ensure_saved(path, "")


@pytest.mark.parametrize("content", ["[]", "null", '{"outputs": {}}', '{"outputs": []}', "{", ""])
def test_a_damaged_done_json_is_refused_wherever_it_is_read(runs, datatuner, small, tmp_path, content):
    (runs["evaluate"] / "done.json").write_text(content)
    assert other_code(runs["evaluate"]) == []
    for read in (Run.of, lambda folder: evaluations([folder])):
        with pytest.raises((ChangedError, ExportError), match=r"done\.json is (missing or )?damaged"):
            read(runs["evaluate"])


def test_a_run_says_what_it_reads_unchecked(runs, datatuner, small, tmp_path):
    (runs["evaluate"] / "done.json").write_text("{}")
    ran = datatuner("run", *small, "seed=1", f"runs_dir={tmp_path / 'runs'}")
    assert ran.returncode == 0
    assert f"{runs['evaluate']} holds no checksums, as an earlier version left it" in ran.stderr


def test_outputs_of_another_stage_are_not_read(runs):
    """As where a folder is half copied over another one."""
    plan = json.loads((runs["score"] / "stage.json").read_text(encoding="utf-8"))
    (runs["score"] / "stage.json").write_text(json.dumps({**plan, "fingerprint": "0" * 64}))
    with pytest.raises(ChangedError, match=r"done\.json is of another stage than stage\.json beside it"):
        intact(runs["score"] / "scored.jsonl")


def test_a_parent_that_is_exchanged_before_it_is_read_is_refused(runs, datatuner, small, tmp_path):
    shutil.rmtree(runs["evaluate"])
    arguments = ["run", *small, "seed=1", f"runs_dir={tmp_path / 'runs'}"]
    with waiting_for(runs["evaluate"], *arguments, cwd=tmp_path) as process:
        plan = json.loads((runs["score"] / "stage.json").read_text(encoding="utf-8"))
        (runs["score"] / "stage.json").write_text(json.dumps({**plan, "fingerprint": "0" * 64}))
    assert process.returncode == 2
    assert f"{runs['score']} is another stage than when this command planned" in process.done[1].splitlines()[-1]


# B.5 Other code


def test_edited_code_is_said_where_its_stage_is_reused(runs, datatuner, small, tmp_path):
    assert other_code(runs["decode"]) == []
    root = Path(provenance.__file__).parents[1]
    shutil.copytree(root, tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(root.parent / "conf", tmp_path / "conf")
    edited = tmp_path / "src" / "datatuner" / "beams.py"
    code = edited.read_text(encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src"), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def said(command: str) -> tuple[int, int, str]:
        ran = datatuner(command, *small, "seed=1", f"runs_dir={tmp_path / 'runs'}", env=environment)
        return ran.returncode, ran.stdout.count("reused: "), ran.stderr

    edited.write_text(f"# Another comment.\n{code}", encoding="utf-8")
    assert said("run") == (0, 4, "")
    edited.write_text(code.replace("length_penalty: float = 0.75", "length_penalty: float = 0.8"), encoding="utf-8")
    lines = {
        kind: f"{runs[kind]} was made by other code (beams): to make it anew, remove it" for kind in ("train", "decode")
    }
    assert said("run") == (0, 4, "".join(f"{line}\n" for line in lines.values()))
    assert said("score")[2].splitlines() == list(lines.values())


@pytest.mark.parametrize(
    ("edited", "same"),
    [
        ('def f(x):\n    """Another."""\n    # why\n    return (x +\n            1)\n', True),
        ("import os\nfrom a import b\n\ndef f(x):\n    import c\n    return x + 1\n", True),
        ("def f(x):\n    return x + 2\n", False),
        ("def f(x):\n    return x + 0\n", False),
        ("def f(x):\n    return x + None\n", False),
        ("def f(y):\n    return y + 1\n", False),
        ("def f(x):\n    return x - 1\n", False),
        ("def f(x=1):\n    return x + 1\n", False),
        ("def f(x):\n    return x + 1\n\nPENALTY = 0\n", False),
    ],
)
def test_a_digest_is_of_what_code_does(edited, same):
    before = syntax_digest(ast.parse('def f(x):\n    """One more."""\n    return x + 1\n'))
    assert (syntax_digest(ast.parse(edited)) == before) == same


@pytest.mark.parametrize(
    ("kind", "there", "not_there"),
    [
        ("train", {"linearization", "encoding", "models.generator", "losses", "training"}, {"alignment", "stages"}),
        ("classifier", {"corruptions.recipes", "alignment.slots", "models.classifier"}, {"stages", "corpora.e2e"}),
        ("decode", {"linearization", "decoding", "beams", "generation", "models.generator"}, {"alignment.slots"}),
        ("score", {"alignment.slots", "fidelity", "judging", "metrics.bleu_chrf"}, {"locking"}),
        ("evaluate", {"reranking", "metrics.bleu_chrf", "metrics.nist", "nbest"}, {"ranks"}),
    ],
)
def test_the_code_of_a_stage_is_what_its_output_depends_on(kind, there, not_there):
    found = set(code_of(kind))
    assert there <= found
    assert not not_there & found


def test_every_module_is_a_stages_code_or_known_to_change_no_output():
    """A new module must be one or the other: imported by what a stage does, or by what plans, tells and shows it."""
    counted = set().union(*(code_of(kind) for kind in ("train", "classifier", "decode", "score", "evaluate")))
    parts = {name.split(".")[0] for name in provenance._modules()} - {name.split(".")[0] for name in counted}
    assert parts == {
        *("__init__", "errors", "writing", "corpora", "provenance", "ranks", "following", "locking", "stages"),
        *("lineage", "config", "validation", "composing", "planning", "parents", "given_texts", "cli", "commands"),
        *("sweeping", "sweep_overview", "inspection", "tracking", "tracked_results", "dashboard"),
        *("rows", "comparison", "plots", "page", "page_content", "report", "highlighting"),
        *("inputs", "export", "exportable", "exported", "loading", "tuner", "streaming", "model_card", "web"),
    }


@pytest.mark.parametrize(
    "code",
    [
        "raise SystemExit(0)",
        "def broken(",
        "class Reader:\n    def __init__(self):\n        raise SystemExit(0)",
        "class Reader:\n    def files(self, folder, split):\n        raise SystemExit(0)\n    read = files",
        "class Reader:\n    def files(self, folder, split):\n        return [__file__]\n"
        "    def read(self, folder, split, tally):\n        raise SystemExit(0)\n        yield",
    ],
)
def test_an_own_reader_that_exits_is_no_success(datatuner, tmp_path, code):
    (tmp_path / "exits.py").write_text(code)
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "mine.yaml").write_text("name: mine\nreader: {_target_: exits.Reader}\n")
    own = ["evaluate", "--config-dir", tmp_path, "corpus=mine", f"corpus.folder={tmp_path}", "predictions=references"]
    ran = datatuner(*own, cwd=tmp_path)
    assert (ran.returncode, len(ran.stderr.splitlines())) == (2, 1), ran.stderr


# B.6 An export is of the files that its run read


@pytest.mark.slow
def test_an_export_refuses_training_files_that_changed(datatuner, small, tmp_path):
    folder = write_corpus(tmp_path / "data")
    own = ["corpus=jsonl", "corpus.name=walks", f"corpus.folder={folder}", f"runs_dir={tmp_path / 'runs'}", "seed=1"]
    ran = datatuner("run", *own, *(each for each in small if each != "corpus=demo"))
    assert ran.returncode == 0, ran.stderr
    (run,) = tmp_path.glob("runs/walks/evaluate-*")
    write_corpus(folder, train={FIRST["train"]: "Something else."})
    refused = datatuner("export", run, tmp_path / "export")
    assert refused.returncode == 2
    assert f"the train split in {folder} is {CHANGED}" in refused.stderr
    assert not (tmp_path / "export").exists()
    write_corpus(folder)
    exported = datatuner("export", run, tmp_path / "export")
    assert exported.returncode == 0, exported.stderr

    # An evaluation of that training by other data: the export would be of both.
    write_corpus(folder, train={FIRST["train"]: "Something else."})
    overrides = [each for each in small if each != "corpus=demo"]
    (training,) = tmp_path.glob("runs/walks/train-*")
    ran = datatuner("run", *own[:3], f"runs_dir={tmp_path / 'others'}", "seed=1", f"checkpoint={training}", *overrides)
    assert ran.returncode == 0, ran.stderr
    (run,) = tmp_path.glob("others/walks/evaluate-*")
    refused = datatuner("export", run, tmp_path / "other")
    assert refused.returncode == 2
    assert CHANGED in refused.stderr
