"""The key-value cache of beam search: one prompt for all beams of an input, tokens written in place."""

from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer


class BeamLayer(DynamicLayer):
    """One layer's keys and values, (rows, heads, positions, D), with room for tokens to come.

    transformers' own layer copies everything twice for each token: to append it, and to reorder the beams. Here a token
    is written into place, and reordering moves the generated tokens only, as an input's beams share its prompt. All
    positions are kept for sliding-window attention too: the mask holds the window.
    """

    ROOM = 32  # positions

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.stored: list[Tensor] = []  # keys and values
        self.length = self.prompt_length = 0

    def update(self, key_states: Tensor, value_states: Tensor, *_: object, **__: object) -> tuple[Tensor, Tensor]:
        """Appends the whole prompt at first, then one token a call; all positions so far."""
        if not self.is_initialized:
            self.is_initialized = True
            self.stored = [key_states, value_states]
            self.length = self.prompt_length = key_states.shape[2]
            return key_states, value_states
        if self.length == self.stored[0].shape[2]:
            self.stored = [self._with_room(stored) for stored in self.stored]
        for stored, new in zip(self.stored, (key_states, value_states), strict=True):
            stored[:, :, self.length : self.length + 1] = new
        self.length += 1
        keys, values = (stored[:, :, : self.length] for stored in self.stored)
        return keys, values

    def get_seq_length(self) -> int:
        return self.length

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Row i becomes what row `beam_idx[i]` was.

        An input's rows stay within the input; if their number changes, prompts become beams or finished inputs leave.
        """
        if self.length > self.prompt_length and len(beam_idx) == len(self.stored[0]):
            for stored in self.stored:
                generated = stored[:, :, self.prompt_length : self.length]
                generated.copy_(generated.index_select(0, beam_idx))
        else:
            filled = [stored[:, :, : self.length] for stored in self.stored]
            self.stored = [self._with_room(states.index_select(0, beam_idx)) for states in filled]

    def _with_room(self, states: Tensor) -> Tensor:
        rows, heads, positions, width = states.shape
        longer = states.new_empty(rows, heads, positions + self.ROOM, width)
        longer[:, :, :positions] = states
        return longer


def beam_cache() -> Cache:
    """An empty cache for one batch; `reorder_cache` repeats, moves and drops its rows."""
    return Cache(layer_class_to_replicate=BeamLayer)
