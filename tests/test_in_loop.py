"""In-loop metrics against sacrebleu and plain sums, in one process and in two with uneven batches."""

import copy
import json
import pickle
from itertools import pairwise, zip_longest
from pathlib import Path

import pytest
import torch
import torch.distributed
from sacrebleu.metrics.bleu import BLEU
from torch import nn
from torch.multiprocessing.spawn import spawn

from datatuner.in_loop import Confusion, CorpusBleu, TokenWeightedLoss

HYPOTHESES = [
    "Alimentum is in the city centre.",
    "It is not family-friendly, and cheap.",
    "",
    "THE PUB IS NEAR THE RIVER",
    "Becoming is a book.",
]
REFERENCES = [
    ["Alimentum is located in the city centre.", "In the city centre is Alimentum."],
    ["It is cheap, and it is not family-friendly.", "Not for families, and cheap.", "It is cheap."],
    ["Nothing was said."],
    ["The pub is near the river"],
    ["Becoming is a book by Michelle Obama.", "The book is Becoming."],
]
PREDICTED, LABELLED = [0, 1, 1, 2, 0], [0, 1, 2, 2, 1]
CONFUSION = [[1, 0, 0], [1, 1, 0], [0, 1, 1]]  # [true][predicted]
LOSSES = [(12.5, 7), (3.25, 2), (40.0, 31), (0.1, 1), (1.0, 1)]


def expected_bleu(chosen: slice = slice(None)) -> float:
    references = list(zip_longest(*REFERENCES[chosen]))
    return BLEU(lowercase=True).corpus_score(HYPOTHESES[chosen], references).score  # type: ignore[no-any-return]


def expected_loss() -> float:
    return sum(loss for loss, _ in LOSSES) / sum(tokens for _, tokens in LOSSES)


@pytest.mark.parametrize("batches", [[0, 5], [0, 1, 2, 3, 4, 5], [0, 4, 4, 5]], ids=["one", "singles", "one is empty"])
def test_bleu_over_batches_is_sacrebleus(batches: list[int]) -> None:
    metric = CorpusBleu()
    for start, end in pairwise(batches):
        metric.update(HYPOTHESES[start:end], REFERENCES[start:end])
    assert metric.compute().item() == expected_bleu()


@pytest.mark.parametrize(
    ("hypothesis", "references"),
    [("", ["a b c d"]), ("a b c d e", ["a b c d e"]), ("x y z u v", ["a b c d"]), ("a", ["a"] * 8)],
)
def test_bleu_of_degenerate_inputs_is_sacrebleus(hypothesis: str, references: list[str]) -> None:
    metric = CorpusBleu()
    metric.update([hypothesis], [references])
    expected = BLEU(lowercase=True).corpus_score([hypothesis], [[text] for text in references]).score
    assert metric.compute().item() == expected


def test_loss_is_the_mean_over_tokens_not_over_batches() -> None:
    metric = TokenWeightedLoss()
    for loss, tokens in LOSSES:
        metric.update(torch.tensor(loss, requires_grad=True), tokens)
    assert metric.compute().item() == pytest.approx(expected_loss(), abs=1e-9)
    assert not metric.compute().requires_grad


def test_many_small_losses_do_not_vanish_in_a_large_sum() -> None:
    metric = TokenWeightedLoss()
    metric.update(torch.tensor(2.0**25), 1)
    for _ in range(64):
        metric.update(torch.tensor(1.0), torch.tensor(1))  # float32 would drop each of these
    assert metric.compute().item() == (2**25 + 64) / 65


@pytest.mark.parametrize("batches", [[0, 5], [0, 1, 2, 3, 4, 5], [0, 4, 4, 5]], ids=["one", "singles", "one is empty"])
def test_a_confusion_counts_true_labels_by_row(batches: list[int]) -> None:
    metric = Confusion(3)
    for start, end in pairwise(batches):
        metric.update(
            torch.tensor(PREDICTED[start:end], dtype=torch.long), torch.tensor(LABELLED[start:end], dtype=torch.long)
        )
    assert metric.compute().tolist() == CONFUSION


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_nothing_seen() -> None:
    assert CorpusBleu().compute().item() == 0.0
    assert TokenWeightedLoss().compute().isnan()


def test_a_reset_in_inference_mode_starts_anew() -> None:
    bleu, loss = CorpusBleu(), TokenWeightedLoss()
    bleu.update(HYPOTHESES[3:], REFERENCES[3:])
    loss.update(torch.tensor(9.0), 2)
    with torch.inference_mode():
        bleu.reset()
        loss.reset()
    bleu.update(HYPOTHESES[:2], REFERENCES[:2])
    loss.update(torch.tensor(3.0), 2)
    assert bleu.compute().item() == expected_bleu(slice(2))
    assert loss.compute().item() == 1.5


def test_a_half_precision_module_still_sums_in_double() -> None:
    module = nn.ModuleDict({"loss": TokenWeightedLoss(), "bleu": CorpusBleu()}).to(torch.bfloat16)
    module = pickle.loads(pickle.dumps(copy.deepcopy(module)))
    for _ in range(3):
        module["loss"].update(torch.tensor(100.125), 1)
    module["bleu"].update(HYPOTHESES, REFERENCES)
    assert module["loss"].compute().item() == 100.125
    assert module["bleu"].compute().item() == expected_bleu()


def measure_on_a_rank(rank: int, folder: str) -> None:
    """Rank 0 sees one example in one batch, rank 1 the other four in two; each writes what it computes."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    bleu, loss, idle, confusion = CorpusBleu(), TokenWeightedLoss(), CorpusBleu(), Confusion(3)
    for start, end in [[(0, 1)], [(1, 4), (4, 5)]][rank]:
        bleu.update(HYPOTHESES[start:end], REFERENCES[start:end])
        loss.update(
            torch.tensor([value for value, _ in LOSSES[start:end]], dtype=torch.float64).sum(),
            sum(tokens for _, tokens in LOSSES[start:end]),
        )
        confusion.update(torch.tensor(PREDICTED[start:end]), torch.tensor(LABELLED[start:end]))
    if rank == 1:
        idle.update(HYPOTHESES, REFERENCES)
    values = [*(metric.compute().item() for metric in (bleu, loss, idle)), confusion.compute().tolist()]
    Path(folder, f"rank{rank}").write_text(json.dumps(values))
    torch.distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_two_uneven_ranks_agree_with_one_process(tmp_path: Path) -> None:
    spawn(measure_on_a_rank, args=(str(tmp_path),), nprocs=2)  # type: ignore[no-untyped-call]
    for rank in range(2):
        bleu, loss, idle, confusion = json.loads((tmp_path / f"rank{rank}").read_text())
        assert bleu == idle == expected_bleu()
        assert confusion == CONFUSION
        assert loss == pytest.approx(expected_loss(), abs=1e-12)
