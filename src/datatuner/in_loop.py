"""What a training loop measures, exact under DDP: corpus BLEU, confusions of labels, and the loss per token or pair.

Each state is a plain sum, so ranks may hold different numbers of examples, or none (torchmetrics' own SacreBLEUScore
is not sacrebleu). States are replaced, not changed in place, since Lightning resets them in inference mode.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric

from datatuner.metrics.bleu_chrf import bleu


class CorpusBleu(Metric):
    """Lower-cased 13a BLEU, 0 to 100, equal to `corpus_metrics.score(…)["bleu"].value`; 0 before any update."""

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    counts: Tensor  # (10,), int64: hypothesis length, reference length, 4 x matches, 4 x n-grams

    def __init__(self) -> None:
        super().__init__()
        self._bleu = bleu()
        self.add_state("counts", torch.zeros(10, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> None:
        """Add one text per input, and that input's one or more references."""
        if hypotheses:
            counts = self._bleu.statistics(hypotheses, references, references).sum(axis=0)
            self.counts = self.counts + torch.from_numpy(counts).long().to(self.counts.device)

    def compute(self) -> Tensor:
        score = self._bleu.scores(self.counts.cpu().double().numpy()[None])
        return torch.tensor(score[0], dtype=torch.float64, device=self.counts.device)


class Confusion(Metric):
    """How often label i (row) was taken for label j (column): (labels, labels), int64."""

    is_differentiable = False
    full_state_update = False

    counts: Tensor

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.labels = labels
        self.add_state("counts", torch.zeros((labels, labels), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, predicted: Tensor, labels: Tensor) -> None:
        """Add a batch's labels, each (B,) int64."""
        cells = torch.bincount(labels * self.labels + predicted, minlength=self.labels**2)
        self.counts = self.counts + cells.view(self.labels, self.labels)

    def compute(self) -> Tensor:
        return self.counts


class TokenWeightedLoss(Metric):
    """Mean loss per target token (nats), or per pair, over all batches and ranks; NaN before any update."""

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    loss_sum: Tensor  # (), float64
    tokens: Tensor  # (), int64

    def __init__(self) -> None:
        super().__init__()
        self.add_state("loss_sum", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("tokens", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, loss_sum: Tensor, tokens: Tensor | int) -> None:
        """Add a batch's cross-entropy, summed over its `tokens` target tokens."""
        self.loss_sum = self.loss_sum + loss_sum.detach().double()
        self.tokens = self.tokens + tokens

    def compute(self) -> Tensor:
        return self.loss_sum / self.tokens
