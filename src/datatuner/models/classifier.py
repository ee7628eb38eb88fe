"""The semantic fidelity classifier: any transformers encoder over (DATA, TEXT), and one linear layer.

Knows token ids, segment ids and masks; knows nothing of corpora, labels' names or training.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

SEGMENTS = 2  # 0 = data, 1 = text
MATCH_TYPES = 8  # see `match_types`


class Classifier(nn.Module):
    """Token, position and segment embeddings, the encoder's blocks, then the first token's vector (section 3.2).

    Args:
        encoder: a transformers encoder without pooler. Its own table of token types serves as segment embeddings if it
            has one, of at least two rows; else a table that starts at zero is added to the token embeddings. A table of
            eight rows is indexed by `match_types`, so that an encoder from scratch is told which tokens DATA and TEXT
            share: to learn to see that takes far longer than the rest, and pretrained ones can already.
        labels: number of labels.
    """

    def __init__(self, encoder: PreTrainedModel, *, labels: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.own_segments: nn.Embedding | None = None
        table = token_types(encoder)
        self.sees_matches = table is not None and table.num_embeddings == MATCH_TYPES
        vector = encoder.get_input_embeddings()(torch.zeros(1, dtype=torch.long))
        width, dtype = vector.shape[-1], vector.dtype  # not the process's default dtype
        if table is None:
            self.own_segments = nn.Embedding(SEGMENTS, width, dtype=dtype)
            nn.init.zeros_(self.own_segments.weight)
        self.dropout = nn.Dropout(_dropout(encoder.config))
        self.head = nn.Linear(encoder.config.hidden_size, labels, dtype=dtype)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, input_ids: Tensor, segment_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits (B, labels) of right-padded pairs, each argument (B, T)."""
        vectors = self.encode(input_ids, segment_ids, attention_mask)[:, 0]
        logits: Tensor = self.head(self.dropout(vectors))
        return logits

    def encode(self, input_ids: Tensor, segment_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The last hidden states, (B, T, H)."""
        arguments: dict[str, Tensor]
        if self.own_segments is None:
            types = match_types(input_ids, segment_ids, attention_mask) if self.sees_matches else segment_ids
            arguments = {"input_ids": input_ids, "token_type_ids": types}
        else:
            tokens = self.encoder.get_input_embeddings()(input_ids)
            arguments = {"inputs_embeds": tokens + self.own_segments(segment_ids)}
        hidden: Tensor = self.encoder(attention_mask=attention_mask, **arguments).last_hidden_state
        return hidden


def match_types(input_ids: Tensor, segment_ids: Tensor, attention_mask: Tensor) -> Tensor:
    """0 to 7, (B, T): the segment, + 2 where the other segment has an equal token, + 4 where this one had it before.

    The first is the "exact match" feature of Chen et al. 2017 (DrQA, section 3.2), for both sides.
    """
    equal = (input_ids[:, :, None] == input_ids[:, None, :]) & (attention_mask[:, None, :] != 0)
    same = segment_ids[:, :, None] == segment_ids[:, None, :]
    shared = (equal & ~same).any(dim=-1)
    again = (equal & same).tril(-1).any(dim=-1)
    return segment_ids + 2 * shared + 4 * again


def token_types(encoder: PreTrainedModel) -> nn.Embedding | None:
    """The encoder's own table of token types; None where it has none."""
    for name, module in encoder.named_modules():
        if name.rpartition(".")[2] == "token_type_embeddings" and isinstance(module, nn.Embedding):
            return module
    return None


def _dropout(config: Any) -> float:
    """What the encoder's config asks for before the last layer, by the names that transformers' encoders use."""
    names = ("classifier_dropout", "seq_classif_dropout", "hidden_dropout_prob", "dropout")
    return next((float(p) for name in names if (p := getattr(config, name, None)) is not None), 0.0)
