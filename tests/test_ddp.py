"""Two processes of one stage: the same result as one, and an end in good order when one of them dies.

Real processes by the console script; `mycorpus.Reader` is own data whose reading fails on the rank that a test names.
"""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from datatuner.errors import ConfigError
from datatuner.ranks import Place, launched, rank_log
from datatuner.records import BeamRow, Hypothesis, merge_beams
from datatuner.shards import Shards, summed
from tests.test_run import children_of, started, wait_for
from tests.trainings import column

# Who started the ranks, and what is shared among them

OF_SRUN = {
    **{"SLURM_PROCID": "5", "SLURM_NTASKS": "8", "SLURM_LOCALID": "1", "SLURM_NODEID": "2"},
    **{"SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0"},
}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        ({"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}, None),  # torchrun with one process
        ({"SLURM_JOB_ID": "7"}, None),  # sbatch without srun
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "1", "SLURM_LOCALID": "0", "SLURM_STEP_ID": "0"}, None),
        (
            {"SLURM_PROCID": "0", "SLURM_NTASKS": "2", "SLURM_LOCALID": "0", "SLURM_JOB_ID": "7"},
            None,
        ),  # sbatch's script
        ({**OF_SRUN, "SLURM_STEP_ID": "4294967291"}, None),  # the same, where it counts as a step
        ({**OF_SRUN, "SLURM_STEP_ID": "4294967290"}, None),  # salloc's shell
        ({**OF_SRUN, "SLURM_STEP_ID": ""}, None),
        ({**OF_SRUN, "SLURM_STEP_ID": "", "SLURM_STEPID": "3"}, Place(5, 8, 1, 2)),
        ({"RANK": "", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}, None),
        ({"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "GROUP_RANK": "1"}, Place(3, 4, 1, 1)),
        ({**OF_SRUN}, Place(5, 8, 1, 2)),
    ],
)
def test_the_place_that_a_launcher_gives(variables, expected):
    found = launched(variables)
    assert (found and found.place) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("RANK", value) for value in ("zero", "-1", "1.0", "2", "9")),
        *((name, "x") for name in ("WORLD_SIZE", "LOCAL_RANK", "GROUP_RANK", "NODE_RANK")),
        *((name, "-1") for name in ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_NODEID")),
        ("SLURM_NTASKS", "5"),
    ],
)
def test_variables_that_cannot_be_are_named_with_their_values(name, value):
    ranks = OF_SRUN if name.startswith("SLURM") else {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}
    with pytest.raises(ConfigError, match=f"the environment has .*{name}='?{value}'?.* torchrun or srun"):
        launched({**ranks, name: value})


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, Place()),
        ({"RANK": "", "WORLD_SIZE": ""}, Place()),
        ({"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}, Place(1, 2, 1)),
    ],
)
def test_a_process_knows_its_own_place(monkeypatch, variables, expected):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "NODE_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Place.mine() == expected
    monkeypatch.setenv("RANK", "x")
    with pytest.raises(ConfigError, match="RANK='x'"):
        Place.mine()


def test_two_launches_have_different_names():
    ranks = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "TORCHELASTIC_RUN_ID": "a"}
    others: list[dict[str, str]] = [{}, {"TORCHELASTIC_RESTART_COUNT": "1"}, {"MASTER_PORT": "2"}]
    names = {launch.name for other in others if (launch := launched({**ranks, **other}))}
    assert len(names) == 3


@pytest.mark.parametrize("ranks", [1, 2, 3, 7])
def test_shards_put_every_row_back_and_add_counts_up(tmp_path, ranks):
    ids = [str(number) for number in range(5)]
    shards = [Shards(tmp_path / "beams.jsonl", Place(rank, ranks)) for rank in range(ranks)]
    hypothesis = Hypothesis("a", -1.0, 1, -1.0, complete=True)
    for each in reversed(shards):
        rows = [BeamRow(name, "x", (hypothesis,)) for name in each.mine(ids)]
        each.write(rows, {"inputs": len(rows), "labels": {"accurate": len(rows)}})
    assert shards[0].gather() == {"inputs": 5, "labels": {"accurate": 5}}
    assert [row.id for row in merge_beams(shards[0].paths, ids)] == ids
    shards[0].remove()
    assert not list(tmp_path.iterdir())


def test_counts_add_up_where_a_rank_lacks_some():
    assert summed([{"a": 1, "b": {"x": 1}}, {"b": {"y": 2}}, {"b": {}}]) == {"a": 1, "b": {"x": 1, "y": 2}}


# One process and two


@pytest.fixture(scope="module")
def one_and_two(datatuner, small, tmp_path_factory):
    """Finished runs of the same global batch of 16: one process with 4 x 4, two with 2 x 4 each."""
    runs = tmp_path_factory.mktemp("one_and_two")
    common = [
        *(word for word in small if "max_steps" not in word),
        "trainer.max_steps=8",
        "corpus.batch_size=4",
        "seed=1",
    ]
    common += [
        "trainer.log_every=1",
        "classifier=tiny",
        "corruptions.pairs=300",
        "reranking=severity",
        "classifier.batch_size=8",
    ]
    for name, words in (
        ("one", ["trainer.accumulate=4", "classifier.accumulate=2"]),
        ("two", ["trainer.accumulate=2", "classifier.accumulate=1", "trainer.devices=2"]),
    ):
        ended = datatuner("run", *common, *words, f"runs_dir={runs / name}")
        assert ended.returncode == 0, ended.stderr
    return runs


def folder(runs: Path, kind: str) -> Path:
    (found,) = runs.glob(f"demo/{kind}-*")
    return found


@pytest.mark.timeout(600)  # two whole runs come first
@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "columns"),
    [("train", ["train/loss", "val/loss", "val/bleu"]), ("classifier", ["train/loss", "val/loss", "val/macro_f1"])],
)
def test_two_processes_have_the_losses_of_one(one_and_two, kind, columns):
    for name in columns:
        one, two = (column(folder(one_and_two / each, kind), name) for each in ("one", "two"))
        assert one.keys() == two.keys()
        # A rank logs its own batches' loss alone at a step; what is validated is everybody's.
        assert list(two.values()) == pytest.approx(list(one.values()), abs=1e-4), name


@pytest.mark.timeout(600)
@pytest.mark.slow
def test_two_processes_decode_score_and_measure_as_one(one_and_two):
    for kind, name in (("decode", "beams.jsonl"), ("score", "scored.jsonl"), ("evaluate", "predictions.jsonl")):
        rows = [
            [json.loads(line) for line in (folder(one_and_two / each, kind) / name).read_text().splitlines()]
            for each in ("one", "two")
        ]
        assert [row["id"] for row in rows[0]] == [row["id"] for row in rows[1]]
        assert len({row["id"] for row in rows[0]}) == len(rows[0]) == 200
    one, two = (
        json.loads((folder(one_and_two / each, "evaluate") / "metrics.json").read_text())["metrics"]
        for each in ("one", "two")
    )
    assert {name: row["value"] for name, row in two.items()} == pytest.approx(
        {name: row["value"] for name, row in one.items()}
    )
    done = [json.loads((folder(one_and_two / each, "decode") / "done.json").read_text()) for each in ("one", "two")]
    assert done[0]["inputs"] == done[1]["inputs"] == 200
    assert not list(one_and_two.rglob("*.rank*.jsonl"))


# A rank that dies

READER = '''
import os
from datatuner import corpora


class Reader:
    """demo, until the failure that the environment names strikes the rank that it names."""

    def files(self, folder, split):
        return [folder / f"{split}.txt"]

    def read(self, folder, split, tally):
        count = int(os.environ.get("VALIDATION", "40")) if split == "validation" else 40
        for example in corpora.read("demo", None, split)[:count]:
            with tally.row():
                yield example
        if os.environ.get("FAILURE") and os.environ.get("RANK") == os.environ["FAILING_RANK"]:
            exec(os.environ["FAILURE"])
'''


@pytest.fixture
def own(tmp_path: Path, small) -> list[str]:
    """Arguments of a long training in two processes on own data."""
    (tmp_path / "mycorpus.py").write_text(READER)
    (tmp_path / "conf" / "corpus").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    for split in ("train", "validation", "test"):
        (tmp_path / "data" / f"{split}.txt").touch()
    (tmp_path / "conf" / "corpus" / "mine.yaml").write_text("name: mine\nreader: {_target_: mycorpus.Reader}\n")
    words = [word for word in small if not word.startswith(("corpus=", "trainer.max_steps"))]
    return [
        *("train", "--config-dir", "conf", "corpus=mine", "corpus.folder=data", *words, "seed=1", "trainer.devices=2"),
        *("trainer.max_steps=100000", "trainer.save_every=2", "corpus.batch_size=4", f"runs_dir={tmp_path / 'runs'}"),
    ]


def stage_folder(tmp_path: Path) -> Path | None:
    return next(tmp_path.glob("runs/mine/train-*"), None)


def rank_of(pid: int) -> str:
    variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return next((value[5:].decode() for value in variables if value.startswith(b"RANK=")), "")


@pytest.mark.slow
@pytest.mark.parametrize("rank", ["0", "1"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_rank_ends_the_stage_which_goes_on_when_started_again(own, tmp_path, rank, number):
    with started(*own, cwd=tmp_path) as training:
        wait_for(lambda: list(tmp_path.glob("runs/mine/train-*/last.ckpt")))
        processes = {rank_of(pid): pid for pid in children_of(tmp_path / "runs")}
        assert set(processes) == {"0", "1"}
        os.kill(processes[rank], number)
        start = time.monotonic()
        _, errors = training.communicate(timeout=60)
        assert time.monotonic() - start < 60
        assert training.returncode == 2
        if number == signal.SIGKILL:
            assert f"(rank {rank} of 2: killed by signal 9)" in errors.splitlines()[-1]
        else:
            assert "stopped by SIGTERM; start it again to go on in train-tiny-" in errors.splitlines()[-1]
            assert "Traceback" not in errors
            assert not list(tmp_path.glob("runs/mine/train-*/done.json"))
        assert not children_of(tmp_path / "runs")
    with started(*own, cwd=tmp_path) as training:
        log = stage_folder(tmp_path) / "log.txt"  # type: ignore[operator]
        wait_for(lambda: "continues after step" in log.read_text())


FAILURES = {
    "raises": ("raise RuntimeError('a bug on one rank')", "RuntimeError: a bug on one rank"),
    "out of memory": ("x = bytearray(10**16)", "MemoryError"),
    "exits as if all were well": ("raise SystemExit(0)", "calls exit(0): raise an error that says why"),
    "user's mistake": ("raise corpora.row_error('data/x', 7, 'a row', 'none')", "data/x:7"),
}


@pytest.mark.slow
@pytest.mark.parametrize("failure", FAILURES)
def test_what_one_rank_says_before_it_dies_is_shown(own, tmp_path, failure, monkeypatch):
    code, said = FAILURES[failure]
    monkeypatch.setenv("FAILURE", code)
    monkeypatch.setenv("FAILING_RANK", "1")
    with started(*own, cwd=tmp_path) as training:
        _, errors = training.communicate(timeout=120)
    assert training.returncode == 2
    assert said in errors
    assert "rank 1 of 2" in errors.splitlines()[-1]
    assert not children_of(tmp_path / "runs")


# Several nodes


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def of_torchrun(rank: int, port: int) -> dict[str, str]:
    ranks = {"RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": "0", "GROUP_RANK": str(rank)}
    return {**ranks, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "x"}


def of_slurm(rank: int, port: int) -> dict[str, str]:
    return {
        "SLURM_PROCID": str(rank),
        "SLURM_NTASKS": "2",
        "SLURM_LOCALID": "0",
        "SLURM_NODEID": str(rank),
        "SLURM_JOB_ID": str(port),
        "SLURM_STEP_ID": "0",
    }


@pytest.mark.slow
@pytest.mark.parametrize("variables", [of_torchrun, of_slurm])
def test_two_nodes_share_a_run(small, tmp_path, variables, monkeypatch):
    """As a launcher would start them, one process a node; the run of one node is done again by nobody."""
    port = free_port()
    words = ["run", *small, "seed=1", "trainer.num_nodes=2", f"runs_dir={tmp_path / 'runs'}"]
    with ExitStack() as stack:
        nodes: list[subprocess.Popen[str]] = []
        for rank in (1, 0):  # the first node last, as may be
            with monkeypatch.context() as patch:
                for name, value in variables(rank, port).items():
                    patch.setenv(name, value)
                nodes.append(stack.enter_context(started(*words, cwd=tmp_path)))
            time.sleep(2)
        outputs = [node.communicate(timeout=200) for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], outputs
    (train,) = tmp_path.glob("runs/demo/train-*")
    assert rank_log(train, 1, "log.txt").exists()
    (beams,) = tmp_path.glob("runs/demo/decode-*/beams.jsonl")
    assert len(beams.read_text().splitlines()) == 200
    assert not list(tmp_path.rglob("ranks.json"))


@pytest.fixture
def nodes(monkeypatch, tmp_path) -> Iterator[Callable[..., list["subprocess.Popen[str]"]]]:
    """nodes("run", …): the command once for each of two simulated nodes, rank 0's first."""
    with ExitStack() as stack:

        def start(*words: str) -> list["subprocess.Popen[str]"]:
            port, processes = free_port(), []
            for rank in (0, 1):
                with monkeypatch.context() as patch:
                    for name, value in of_slurm(rank, port).items():
                        patch.setenv(name, value)
                    processes.append(stack.enter_context(started(*words, cwd=tmp_path)))
            return processes

        yield start


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1])
def test_a_node_whose_rank_dies_takes_the_other_along(own, nodes, tmp_path, killed):
    words = [word for word in own if not word.startswith("trainer.devices")]
    both = nodes(*words, "trainer.num_nodes=2")
    wait_for(lambda: list(tmp_path.glob("runs/mine/train-*/last.ckpt")))
    os.kill({rank_of(pid): pid for pid in children_of(tmp_path / "runs")}[str(killed)], signal.SIGKILL)
    start = time.monotonic()
    errors = [node.communicate(timeout=60)[1] for node in both]
    assert time.monotonic() - start < 60
    assert [node.returncode for node in both] == [2, 2]
    assert "killed by signal 9" in errors[killed].splitlines()[-1]
    assert not children_of(tmp_path / "runs")


@pytest.mark.slow
@pytest.mark.parametrize("failing", ["0", "1"])
def test_a_node_that_fails_while_the_other_waits_for_its_share(own, nodes, tmp_path, monkeypatch, failing):
    """In decoding the ranks need nothing of each other, so that none sees by itself that another is gone."""
    monkeypatch.setenv("FAILURE", "if split == 'test': raise RuntimeError('a bug on one node')")
    monkeypatch.setenv("FAILING_RANK", failing)
    words = [word for word in own if not word.startswith(("trainer.devices", "trainer.max_steps", "train"))]
    both = nodes("run", *words, "trainer.num_nodes=2", "trainer.max_steps=2")
    errors = [node.communicate(timeout=240)[1] for node in both]
    assert [node.returncode for node in both] == [2, 2]
    assert f"rank {failing} of 2: exit code 1" in errors[int(failing)].splitlines()[-1]
    assert f"rank {failing} ended first" in errors[1 - int(failing)].splitlines()[-1]
    assert not children_of(tmp_path / "runs")


@pytest.mark.slow
def test_devices_that_would_have_nothing_to_validate_on_are_refused(own, tmp_path, monkeypatch):
    monkeypatch.setenv("VALIDATION", "1")
    with started(*own, cwd=tmp_path) as training:
        _, errors = training.communicate(timeout=120)
    assert training.returncode == 2
    assert "2 devices cannot share a validation split of 1: pass trainer.devices=1 or fewer." in errors


def test_ranks_and_devices_must_agree(datatuner, small, tmp_path):
    words = ["run", *small, "seed=1", f"runs_dir={tmp_path}"]
    alone = datatuner(*words, "trainer.num_nodes=2")
    assert "nobody has started the other nodes" in alone.stderr
    ranks = datatuner(*words, env={**os.environ, **of_torchrun(0, 1)})
    told = "2 ranks were started (RANK=0, WORLD_SIZE=2, LOCAL_RANK=0, GROUP_RANK=0), but trainer.devices=1 and "
    assert told + "trainer.num_nodes=1 are 1" in ranks.stderr
    assert (alone.returncode, ranks.returncode) == (2, 2)
    two_on_one = {**os.environ, **of_torchrun(1, 1), "LOCAL_RANK": "1", "GROUP_RANK": "0"}
    placed = datatuner(*words, "trainer.num_nodes=2", env=two_on_one)
    told = "(RANK=1, WORLD_SIZE=2, LOCAL_RANK=1, GROUP_RANK=0), but trainer.devices=1 and "
    assert f"rank 1 was started as number 1 of node 0, counted from 0 {told}" in placed.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_script_of_sbatch_starts_its_own_ranks(datatuner, small, tmp_path):
    """Where srun is not typed, SLURM runs the script once, however many tasks it was told of."""
    script = {name: value for name, value in of_slurm(0, 7).items() if name != "SLURM_STEP_ID"}
    words = ["train", *small, "seed=1", "trainer.devices=2", f"runs_dir={tmp_path}"]
    ran = datatuner(*words, env={**os.environ, **script})
    assert ran.returncode == 0, ran.stderr
    assert list(tmp_path.glob("demo/train-*/log.rank1.txt"))
