"""What a training loop measures, exact under DDP: corpus BLEU from summed counts, and the loss per target token.

Each state is a plain sum, so ranks may hold different numbers of examples, or none (torchmetrics' own SacreBLEUScore
is not sacrebleu).
"""

from collections.abc import Sequence

import torch
from sacrebleu.metrics import BLEU
from torch import Tensor
from torchmetrics import Metric

from datatuner.metrics.corpus_metrics import scorers, segment_counts


class CorpusBleu(Metric):
    """Lower-cased 13a BLEU, 0 to 100, equal to `corpus_metrics.score(...)["bleu"].value`; 0 before any update."""

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    counts: Tensor  # (10,), int64: hypothesis length, reference length, 4 x matches, 4 x n-grams

    def __init__(self) -> None:
        super().__init__()
        self._bleu = scorers()["bleu"]
        statistics = 2 + 2 * self._bleu.max_ngram_order
        self.add_state("counts", torch.zeros(statistics, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> None:
        """Add one text per input, and that input's one or more references."""
        if hypotheses:
            counts = segment_counts(self._bleu, hypotheses, references).sum(axis=0)
            self.counts += torch.from_numpy(counts).to(self.counts.device)

    def compute(self) -> Tensor:
        return torch.tensor(self._bleu._compute_score_from_stats(self.counts.tolist()).score, dtype=torch.float64)


class TokenWeightedLoss(Metric):
    """Mean loss per target token (nats) over all batches and ranks; NaN before any update."""

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
        self.loss_sum += loss_sum.detach()
        self.tokens += tokens

    def compute(self) -> Tensor:
        return self.loss_sum / self.tokens
