"""(source, text) -> `[CLS] DATA [SEP] TEXT [SEP]`, what the fidelity classifier reads, in the tokenizer's own style.

Special tokens are those that the tokenizer itself puts around a pair (RoBERTa: `<s> DATA </s></s> TEXT </s>`). DATA is
encoded segment by segment, its tags as tokens above the tokenizer's vocabulary (see encoding.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from datatuner.encoding import SegmentTokenizer, TagVocabulary
from datatuner.errors import BackboneError, ConfigError
from datatuner.example import Source


@dataclass(frozen=True, slots=True)
class EncodedPair:
    """One sequence. `segment_ids` are 0 up to TEXT, then 1; the counts are of tokens that did not fit."""

    input_ids: list[int]
    segment_ids: list[int]
    cut_data: int = 0
    cut_text: int = 0


@dataclass(frozen=True)
class PairTemplate:
    """The special tokens before DATA, between DATA and TEXT, and after TEXT."""

    before: tuple[int, ...]
    between: tuple[int, ...]
    after: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: Any) -> "PairTemplate":
        """What `tokenizer` itself adds, read off a short pair.

        Raises:
            BackboneError: it marks no start, or does not part the two.
        """
        encoded = tokenizer("a", "b", return_special_tokens_mask=True)
        parts: list[list[int]] = [[]]
        inside = False
        for token, special in zip(encoded["input_ids"], encoded["special_tokens_mask"], strict=True):
            if special:
                if inside:
                    parts.append([])
                parts[-1].append(token)
            inside = not special
        if inside:
            parts.append([])
        if len(parts) != 3 or not parts[0] or not parts[1]:
            raise BackboneError(
                "classifier.encoder's tokenizer does not write a pair as [CLS] DATA [SEP] TEXT: choose an encoder such "
                "as BERT or RoBERTa with its own tokenizer."
            )
        before, between, after = map(tuple, parts)
        return cls(before, between, after)

    def __len__(self) -> int:
        return len(self.before) + len(self.between) + len(self.after)


class PairEncoder:
    """Encodes pairs with one tokenizer and tag vocabulary.

    Args:
        max_length: most tokens of a pair. DATA is cut from its end; TEXT, from its end too, only where it does not
            fit without any DATA.

    Raises:
        BackboneError: the tokenizer knows no pairs.
        ConfigError: `max_length` has no room beside the special tokens.
    """

    def __init__(self, tokenizer: Any, tags: TagVocabulary, *, max_length: int) -> None:
        self.tokenizer, self.tags, self.max_length = tokenizer, tags, max_length
        self.template = PairTemplate.of(tokenizer)
        if max_length <= len(self.template):
            raise ConfigError(f"classifier.max_length={max_length} must be more than {len(self.template)}.")
        self.pad_id: int = tokenizer.pad_token_id or 0  # where there is none, any id does: padding is masked
        self._pieces = SegmentTokenizer(tokenizer, tags)

    def warm(self, pairs: Iterable[tuple[Source, str]]) -> None:
        """Tokenizes what is to be encoded in one batch: see `SegmentTokenizer.warm`."""
        pairs = list(pairs)
        self._pieces.warm((source for source, _ in pairs), (text for _, text in pairs))

    def pair(self, source: Source, text: str) -> EncodedPair:
        """One pair; an empty text is encoded as nothing between the special tokens."""
        data = [token for _, segment in self._pieces.segments(source) for token in segment]
        words = self._pieces.tokens(text)
        room = self.max_length - len(self.template)
        kept_words = words[:room]
        kept_data = data[: room - len(kept_words)]
        template = self.template
        first = [*template.before, *kept_data, *template.between]
        second = [*kept_words, *template.after]
        return EncodedPair(
            input_ids=first + second,
            segment_ids=[0] * len(first) + [1] * len(second),
            cut_data=len(data) - len(kept_data),
            cut_text=len(words) - len(kept_words),
        )

    def describe(self, encoded: EncodedPair) -> list[tuple[str, int]]:
        """Token and segment of each position, for a reader's eye."""
        names = map(self._pieces.name, encoded.input_ids)
        return list(zip(names, encoded.segment_ids, strict=True))
