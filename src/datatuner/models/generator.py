"""The generator: any decoder-only language model, with a state vector added to each token's embedding.

Knows token ids, state ids and masks; knows nothing of corpora, tags' names or training.
"""

import inspect
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.cache_utils import Cache
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.modeling_utils import slice_logits_to_keep


class Generator(nn.Module):
    """`backbone` with state embeddings (Harkous et al. 2020, section 3.1). In evaluation mode, threads may share it.

    Args:
        backbone: a causal language model whose embedding already has a row for each tag.
        state_table: `tied` looks a state up in the backbone's own token embedding, as GPT-2 does with
            `token_type_ids`; `own` is a separate table that starts at zero; None adds nothing.
        first_tag_id: token id of the first tag; the `own` table's row 0 belongs to it.
        tag_count: number of tags, the rows of the `own` table.
    """

    def __init__(
        self, backbone: PreTrainedModel, *, state_table: str | None, first_tag_id: int, tag_count: int
    ) -> None:
        super().__init__()
        if state_table not in ("tied", "own", None):
            raise ValueError(f"state_table is 'tied', 'own' or None, not {state_table!r}")
        self.backbone = backbone
        self.state_table = state_table
        self.first_tag_id = first_tag_id
        self._selects = _selects_by_mask(backbone)
        self.own_states: nn.Embedding | None = None
        if state_table == "own":
            vector = backbone.get_input_embeddings()(torch.zeros(1, dtype=torch.long))
            self.own_states = nn.Embedding(tag_count, vector.shape[-1], dtype=vector.dtype)
            nn.init.zeros_(self.own_states.weight)

    def embed(self, input_ids: Tensor, state_ids: Tensor) -> Tensor:
        """Token plus state vectors, (B, T, H), from ids (B, T). State ids are the tags' token ids."""
        embedding = self.backbone.get_input_embeddings()
        vectors: Tensor = embedding(input_ids)
        if self.own_states is not None:
            vectors = vectors + self.own_states(state_ids - self.first_tag_id)
        elif self.state_table == "tied":
            vectors = vectors + embedding(state_ids)
        return vectors

    @torch.no_grad()
    def norms(self) -> dict[str, float]:
        """Mean L2 norm of token rows and of the state vectors: a table that does not move makes no ablation."""
        rows: Tensor = self.backbone.get_input_embeddings().weight  # type: ignore[assignment]
        found = {"token_rows": float(rows[: self.first_tag_id].norm(dim=-1).mean())}
        if self.own_states is not None:
            found["state_rows"] = float(self.own_states.weight.norm(dim=-1).mean())
        elif self.state_table == "tied":
            found["state_rows"] = float(rows[self.first_tag_id :].norm(dim=-1).mean())
        return found

    def sizes(self) -> dict[str, int]:
        """How many weights there are (`parameters`), and how many of them learn (`trainable`)."""
        counts = [(parameter.numel(), parameter.requires_grad) for parameter in self.parameters()]
        return {"parameters": sum(n for n, _ in counts), "trainable": sum(n for n, learns in counts if learns)}

    def forward(
        self,
        input_ids: Tensor,
        state_ids: Tensor,
        attention_mask: Tensor,
        *,
        keep: Tensor | None = None,
        past_key_values: Cache | None = None,
        use_cache: bool = False,
    ) -> CausalLMOutputWithPast:
        """One pass over (B, T) tokens.

        Args:
            attention_mask: (B, past + T), 1 for real tokens; padding may stand on either side.
            keep: (B, T) bool. `logits` is (1, N, V) at these positions, in row-major order, instead of (B, T, V). The
                language-model head, most of the cost of a small model, runs there alone.

        Logits carry the backbone's own scaling and soft-capping in both cases.
        """
        positions = (attention_mask.long().cumsum(-1) - 1).clamp_min(0)[:, -input_ids.shape[1] :]
        arguments: dict[str, Any] = {
            "inputs_embeds": self.embed(input_ids, state_ids),
            "attention_mask": attention_mask,
            "position_ids": positions,
            "past_key_values": past_key_values,
            "use_cache": use_cache,
        }
        if keep is None:
            return self.backbone(**arguments)  # type: ignore[no-any-return]
        if self._selects:
            output = self.backbone(**arguments, logits_to_keep=keep)
        else:
            output = self.backbone(**arguments)
            output.logits = output.logits[keep]
        output.logits = output.logits.unsqueeze(0)
        return output  # type: ignore[no-any-return]


def _selects_by_mask(backbone: PreTrainedModel) -> bool:
    """Whether its forward pass can run the head at the True positions of a (B, T) mask alone.

    It can where it selects by transformers' own function; few models have their own way, for columns of a batch alone.
    """
    forward = inspect.unwrap(type(backbone).forward)
    return slice_logits_to_keep.__name__ in forward.__globals__
