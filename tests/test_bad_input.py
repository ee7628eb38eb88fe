"""Every mistake a user can make ends in one clear line, an exit code that is not 0, no traceback, nothing half-written.

Each test is the command as it would be typed. Slow ones load a model only to refuse it.
"""

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import BertConfig, BertLMHeadModel

from datatuner.checkpoints import save_encoding
from datatuner.errors import OutputError

TYPED = ["corpus=demo", "generator=tiny", "seed=1"]
RESULTS = {"best.ckpt", "encoding.json", "beams.jsonl", "predictions.jsonl", "metrics.json", "done.json"}


def few(count: int, cases: list[Any]) -> list[Any]:
    """The first cases as they are, the others for the slow suite: each is a process that takes seconds."""
    return [*cases[:count], *(pytest.param(*case, marks=pytest.mark.slow) for case in cases[count:])]


@pytest.fixture
def refused(datatuner, tmp_path) -> Callable[..., str]:
    """refused("run", …): the one line of a command that must fail, after checking that it left no result behind.

    A stage's process may have said before what it read; only one line is an error, and it is the last.
    """

    def run(*arguments: object, **options: object) -> str:
        failed: subprocess.CompletedProcess[str] = datatuner(*arguments, cwd=tmp_path, **options)
        output = failed.stdout + failed.stderr
        assert failed.returncode == 2, output
        assert "Traceback" not in output
        errors = [line for line in failed.stderr.splitlines() if "error" in line.lower()]
        assert errors == failed.stderr.splitlines()[-1:], output
        assert errors[0].startswith("datatuner: error: "), output
        assert len(errors[0]) < 600
        assert half_written(tmp_path / "runs") == set()
        return errors[0].removeprefix("datatuner: error: ")

    return run


def half_written(folder: Path) -> set[str]:
    """Results under their final names, and leftovers of unfinished ones."""
    return {
        str(path)
        for path in folder.rglob("*")
        if path.is_file() and (path.name in RESULTS or path.name.startswith((".", "tmp")))
    }


def planned(tmp_path: Path) -> list[Path]:
    return list(tmp_path.glob("runs/*/*"))


@pytest.fixture
def copied(fixtures, tmp_path) -> Callable[[str], Path]:
    """copied(corpus): its fixture in a folder of the test's own."""
    return lambda corpus: Path(shutil.copytree(fixtures / corpus, tmp_path / corpus))


@pytest.fixture
def trained(base_run, tmp_path) -> Path:
    """A copy of a finished training, to be damaged."""
    (folder,) = (base_run / "demo").glob("train-*")
    return Path(shutil.copytree(folder, tmp_path / folder.name))


def limited(size: int) -> Callable[[], None]:
    """No file grows beyond `size` bytes in this process and its children: what a full disk is to a program."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


# What is typed


@pytest.mark.parametrize(
    ("arguments", "expected"),
    few(
        4,
        [
            (["trainer.max_step=3"], "trainer.max_step: there is no such key. Did you mean trainer.max_steps"),
            (["+trainer.max_step=3"], "trainer.max_step: there is no such key. Did you mean trainer.max_steps"),
            (["seed=1,2"], "seed=1,2: several values need -m, one run each; a list is key=[a,b]."),
            (["+max_steps=3"], "max_steps: there is no such key."),
            (["generator=tinny"], "generator=tinny: no such generator. Did you mean tiny? One of: gpt2, "),
            (["states=fein"], "states=fein: Invalid value 'fein', expected one of [fine, coarse, none]."),
            (["trainer.max_steps=many"], "trainer.max_steps=many: Value 'many' of type 'str' could not be converted"),
            (["viggo"], "cannot read 'viggo': overrides are written key=value."),
            (["=viggo"], "cannot read the overrides: "),
            (["corpus.reader={_target_: a.B}"], "corpus.reader is null: set what is in it in a config file"),
            (["+corpus.reader._target_=a.B"], "cannot read the overrides: "),
            (["metrics=bleu"], "metrics is a list: pass metrics=[bleu]."),
            (["trainer.accelerator=foo"], "trainer.accelerator=foo must be one of auto, cpu, gpu, cuda"),
            (["split=dev", "seed=-1"], "seed=-1 must lie between 0 and 4294967295; split=dev must be one of train, "),
            (["corpus.name=vigo"], "No corpus 'vigo'. Did you mean viggo? There are: webnlg, "),
            (
                ["corpus=e2e", "corpus.folder=nowhere"],
                "Corpus e2e is not in nowhere: no such folder. Expected layout: ",
            ),
            (
                ["corpus.language=de", "reranking=slots"],
                "reranking=slots needs alignment, which reads en alone; corpus.language=de",
            ),
            (
                ["corpus.language=de", "reranking=severity", "classifier=tiny"],
                "corruptions.recipe=audited needs alignment, which reads en alone, and corpus.language=de: pass ",
            ),
            (["corpus.language=English"], "corpus.language=English must be a code of ISO 639, such as en, de or ru"),
            (["generator.backbone.origin=folder"], "tiny: no model folder (config.json is missing)."),
            (["checkpoint=nowhere"], "checkpoint=nowhere is no train folder (stage.json is missing or damaged)."),
        ],
    ),
)
def test_a_mistyped_override(refused, tmp_path, arguments, expected):
    assert refused("run", *TYPED, *arguments).startswith(expected)
    assert planned(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    few(
        3,
        [
            (["run", "corpus=demo", "generator=tiny"], "seed is required: pass seed=…"),
            (["train", "seed=1"], "corpus is required: pass corpus=… (one of demo, "),
            (["run", "corpus=demmo", "seed=1"], "corpus=demmo: no such corpus. Did you mean demo? One of: demo, e2e, "),
            (["run", "corpus=viggo", "generator=tiny", "seed=1"], "Corpus viggo is not in data/viggo: no such folder."),
            (["run", "-m", *TYPED, "trainer.lrr=1"], "trainer.lrr: there is no such key."),
            (["run", "--cfg", "job", *TYPED, "states=fein"], "states=fein: Invalid value 'fein', expected one of "),
            (["decode", *TYPED], "there is no finished training in runs/demo/train-tiny-"),
            (["evaluate", *TYPED], "there is no finished training in runs/demo/train-tiny-"),
            (
                ["evaluate", *TYPED, "predictions=nowhere.txt"],
                "predictions={}/nowhere.txt cannot be read: No such file",
            ),
            (
                ["evaluate", *TYPED, "predictions=."],
                "predictions={} is a folder without predictions.jsonl: name a file",
            ),
            (
                ["evaluate", *TYPED, "predictions=[no.txt,none.txt]"],
                "predictions={}/no.txt cannot be read: No such file",
            ),
        ],
    ),
)
def test_a_command_that_cannot_start(refused, tmp_path, arguments, expected):
    assert refused(*arguments).startswith(expected.format(tmp_path))
    assert planned(tmp_path) == []


def test_a_metric_whose_java_is_missing(refused, tmp_path):
    """Refused before the training that would come first."""
    typed = ["run", *TYPED, "metrics=[bleu,meteor]"]
    mistake = refused(*typed, env={**os.environ, "PATH": str(tmp_path)})
    assert mistake.startswith("the metrics meteor need ")
    assert "Java 8 or later, as the command `java`" in mistake
    assert planned(tmp_path) == []


def test_evaluate_before_decode(refused, base_run, small, tmp_path):
    (train,) = (base_run / "demo").glob("train-*")
    mistake = refused("evaluate", *small, f"checkpoint={train}")
    assert mistake.startswith("there is no finished decoding in runs/demo/decode-tiny-")
    assert "predictions=FILE" in mistake


@pytest.mark.slow
def test_predictions_that_are_not_utf8(refused, copied, tmp_path):
    (tmp_path / "theirs.txt").write_bytes("Café\n".encode("latin-1"))
    folder = copied("viggo")
    mistake = refused("evaluate", "corpus=viggo", f"corpus.folder={folder}", "predictions=theirs.txt")
    assert mistake.startswith(f"{tmp_path / 'theirs.txt'}:1: expected UTF-8, found the byte 0xe9.")


# What is read


FILES = {
    "viggo": "viggo-test.csv",
    "e2e": "test-fixed.csv",
    "webnlg": "data/v1.4/en/test/1triples/Food.xml",
    "ldc2017t10": "data/amrs/split/test/amr-fens-test.txt",
}


@pytest.mark.parametrize(
    ("corpus", "kept", "expected"),
    few(
        1,
        [
            ("viggo", 60, "expected CSV with closed quotes"),
            ("e2e", 100, "expected CSV with closed quotes"),
            ("webnlg", 300, "expected well-formed XML"),
            ("ldc2017t10", 205, "expected PENMAN notation"),
        ],
    ),
)
def test_a_truncated_file(refused, copied, corpus, kept, expected):
    folder = copied(corpus)
    path = folder / FILES[corpus]
    path.write_bytes(path.read_bytes()[:kept])
    mistake = refused("evaluate", f"corpus={corpus}", f"corpus.folder={folder}", "predictions=references")
    assert mistake.startswith(f"{path}:")
    assert expected in mistake


@pytest.mark.slow
def test_an_empty_file(refused, copied):
    folder = copied("e2e")
    (folder / FILES["e2e"]).write_bytes(b"")
    mistake = refused("evaluate", "corpus=e2e", f"corpus.folder={folder}", "predictions=references")
    assert mistake.startswith(f"{folder / FILES['e2e']}: expected a corpus file, found 'an empty file'. Replace ")


@pytest.mark.slow
def test_a_row_without_reference_is_an_error_or_counted(refused, datatuner, copied, tmp_path):
    folder = copied("viggo")
    rows = (folder / FILES["viggo"]).read_text(encoding="utf-8").splitlines()
    (folder / FILES["viggo"]).write_text("\n".join([*rows, '"inform(name[Nobody])",']), encoding="utf-8")
    typed = ["evaluate", "corpus=viggo", f"corpus.folder={folder}", "predictions=references", "bootstrap_samples=40"]
    mistake = refused(*typed)
    assert mistake.startswith(f"{folder / FILES['viggo']}:4: expected a reference text for ")
    assert mistake.endswith("pass corpus.on_error=skip to leave it out (counted).")
    left_out = datatuner(*typed, "corpus.on_error=skip", cwd=tmp_path)
    assert left_out.returncode == 0, left_out.stderr
    assert left_out.stderr.startswith("viggo test: 3 rows, 1 empty references, 2 examples, 2 references, 1 skipped\n")
    assert "left out: " in left_out.stderr


def test_a_malformed_training_row_is_found_before_anything_is_planned(refused, copied, tmp_path):
    folder = copied("viggo")
    with (folder / "viggo-train.csv").open("a", encoding="utf-8") as file:
        file.write('"inform(name[BioShock","BioShock is a shooter."\n')
    mistake = refused("train", "corpus=viggo", f"corpus.folder={folder}", "generator=tiny", "seed=1")
    assert mistake.startswith(f"{folder / 'viggo-train.csv'}:13: expected 'act(slot[value], ...)', found ")
    assert planned(tmp_path) == []


@pytest.mark.slow
def test_a_target_longer_than_the_context(refused, small, copied):
    folder = copied("viggo")
    corpus = ["corpus=viggo", f"corpus.folder={folder}", "corpus.max_length=8"]
    mistake = refused("train", *small[1:], *corpus, "seed=1")
    assert mistake.startswith("train example train-1: the reference needs ")
    assert "but sequences may have 8. The target is never cut: raise corpus.max_length" in mistake


# Checkpoints


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (["corpus=viggo"], "belongs to corpus=demo, not to corpus=viggo: pass corpus=demo, or another checkpoint."),
        (["generator=gpt2"], "belongs to generator=tiny, not to generator=gpt2: pass generator=tiny, or another "),
        (["generator.backbone.name=big"], "belongs to generator.backbone.name=tiny, not to generator.backbone.name=b"),
    ],
)
def test_a_checkpoint_of_another_corpus_or_backbone(refused, base_run, tmp_path, changes, expected):
    (train,) = (base_run / "demo").glob("train-*")
    assert refused("decode", *TYPED, f"checkpoint={train}", *changes).startswith(f"checkpoint={train} {expected}")
    assert planned(tmp_path) == []


def test_a_checkpoint_that_is_none(refused, base_run, trained):
    (decode,) = (base_run / "demo").glob("decode-*")
    (trained / "done.json").unlink()
    for folder, expected in (
        (decode, "is no train folder"),
        (trained, "is not a finished train folder"),
        (trained / "best.ckpt", "is no train folder"),
    ):
        assert refused("decode", *TYPED, f"checkpoint={folder}").startswith(f"checkpoint={folder} {expected}")


@pytest.mark.slow
def test_a_damaged_checkpoint(refused, small, trained):
    path = trained / "best.ckpt"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    mistake = refused("decode", *small, f"checkpoint={trained}")
    assert mistake.startswith(f"{path.resolve()}: not a usable checkpoint (")
    assert mistake.endswith("Train again.")


# Folders that cannot be written, disks that are full


@pytest.mark.parametrize(
    ("key", "folder"),
    [("runs_dir", "file/runs"), ("runs_dir", "/sys/runs"), ("output_dir", "file/out"), ("output_dir", "/proc/out")],
)
def test_a_folder_that_cannot_be_written(refused, fixtures, tmp_path, key, folder):
    """Under a regular file, and where not even root may write."""
    (tmp_path / "file").write_text("")
    corpus = ["corpus=viggo", f"corpus.folder={fixtures / 'viggo'}"]
    mistake = refused("evaluate", *corpus, "predictions=references", f"{key}={folder}")
    assert mistake.startswith(f"cannot write to {folder}")
    key = "output_dir=" if key == "output_dir" else "runs_dir= (evaluate: output_dir=)"
    assert mistake.endswith(f"Free space there, or pass {key} with a folder you may write to.")


def test_a_disk_that_is_full_for_the_plan(refused, tmp_path):
    mistake = refused("train", *TYPED, preexec_fn=limited(100))
    assert mistake.startswith("cannot write runs/demo/train-tiny-")
    assert "stage.json: File too large." in mistake
    (folder,) = planned(tmp_path)
    assert [path.name for path in folder.iterdir()] == ["lock"]


@pytest.mark.slow
def test_a_disk_that_is_full_for_the_checkpoint(refused, datatuner, small, copied, tmp_path):
    corpus = ["corpus=viggo", f"corpus.folder={copied('viggo')}"]
    mistake = refused("train", *small[1:], *corpus, "seed=1", preexec_fn=limited(20_000))
    (folder,) = planned(tmp_path)
    assert mistake.startswith(f"cannot write to {folder.relative_to(tmp_path)}: File too large. Free space there, or ")


def test_a_disk_that_is_full_for_the_tokenizer(tiny, tmp_path):
    """The tokenizers package writes by itself, and raises no OSError."""
    encoder = tiny().encoder
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, before[1]))
    try:
        with pytest.raises(OutputError, match=r"tokenizer: File too large"):
            save_encoding(tmp_path, encoder, encoder.tokenizer)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not (tmp_path / "encoding.json").exists()


@pytest.mark.slow
def test_a_disk_that_is_full_for_the_beams(refused, small, trained, tmp_path):
    mistake = refused("decode", *small, f"checkpoint={trained}", preexec_fn=limited(20_000))
    (folder,) = planned(tmp_path)
    assert mistake.startswith(f"cannot write {folder.relative_to(tmp_path)}/beams.rank0.jsonl: File too large. Free ")


@pytest.mark.parametrize("target", [pytest.param("runs_dir=runs", marks=pytest.mark.slow), "output_dir=out"])
def test_a_disk_that_is_full_for_the_predictions(refused, tmp_path, target):
    typed = ["evaluate", "corpus=demo", "predictions=references", "bootstrap_samples=40", target]
    mistake = refused(*typed, preexec_fn=limited(20_000))
    assert "predictions.jsonl: File too large." in mistake
    assert half_written(tmp_path / "out") == set()


# Devices and backbones


@pytest.mark.slow
def test_texts_longer_than_the_backbone_are_refused_before_it_is_trained(refused, small, tmp_path):
    words = [word for word in small if not word.startswith("decoding.max_new_tokens")]
    mistake = refused("run", *words, "seed=1", "decoding.max_new_tokens=2000")
    assert "decoding.max_new_tokens=2000 leaves no room in the backbone's" in mistake
    assert not list(tmp_path.glob("runs/demo/train-*/*.ckpt"))


@pytest.mark.slow
def test_a_gpu_that_is_not_there(refused, small, copied):
    typed = [*small[1:], "corpus=viggo", f"corpus.folder={copied('viggo')}", "seed=1", "trainer=gpu"]
    mistake = refused("train", *typed, env=environment(CUDA_VISIBLE_DEVICES=""))
    assert mistake.startswith("trainer.accelerator=gpu, but torch ")
    assert "finds no GPU here. Pass trainer=cpu" in mistake


@pytest.mark.slow
def test_a_backbone_that_sees_later_tokens(refused, small, copied, tokenizer, tmp_path):
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    BertLMHeadModel(config).save_pretrained(tmp_path / "bert")
    tokenizer.save_pretrained(tmp_path / "bert")
    typed = [*small[2:4], "corpus=viggo", f"corpus.folder={copied('viggo')}", "seed=1", "generator=tiny"]
    backbone = ["generator.backbone.origin=folder", f"generator.backbone.name={tmp_path / 'bert'}"]
    mistake = refused("train", *typed, *backbone)
    assert mistake.startswith("backbone 'bert' cannot work as a generator: ")
    assert mistake.endswith("Choose a decoder-only model.")


@pytest.mark.slow
def test_a_folder_that_holds_no_model(refused, copied, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    typed = ["corpus=viggo", f"corpus.folder={copied('viggo')}", "seed=1", "generator=tiny"]
    mistake = refused("train", *typed, "generator.backbone.origin=folder", "generator.backbone.name=empty")
    assert mistake.startswith("generator.backbone 'empty' cannot be loaded (")
    assert mistake.endswith("It must hold a causal language model and its tokenizer as save_pretrained writes them.")


@pytest.mark.slow
def test_a_hub_that_cannot_be_reached(refused, copied, tmp_path):
    typed = ["corpus=viggo", f"corpus.folder={copied('viggo')}", "seed=1", "generator=gpt2"]
    mistake = refused("train", *typed, env=environment(HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path / "hub")))
    assert mistake.startswith("generator.backbone 'openai-community/gpt2' cannot be loaded (")
    assert "Check the network and the name, or download it elsewhere" in mistake


def environment(**changes: str) -> dict[str, str]:
    return {**os.environ, **changes}
