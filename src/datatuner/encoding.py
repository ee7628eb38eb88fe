"""Segments (+ target) -> token ids, state ids and labels: three equally long columns per sequence.

A tag's token id lies above the backbone's vocabulary and is never added to the tokenizer, so a tag's name inside a
value or a text stays plain text.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from datatuner.errors import TargetTooLongError
from datatuner.example import Example, Source
from datatuner.linearization import DATA, OTHER, RESERVED, TEXT, linearize

StateMode = Literal["fine", "coarse", "none"]
CACHED = 200_000  # texts whose tokens are kept, so that an endless stream takes no endless memory
IGNORED = -100  # the label of a position that is not learned (torch's ignore_index)


@dataclass(frozen=True)
class TagVocabulary:
    """The tags of a training split; the tag at `tags[i]` has token id `first_id + i`."""

    tags: tuple[str, ...]
    first_id: int

    @classmethod
    def build(cls, corpus_tags: Iterable[str], first_id: int) -> "TagVocabulary":
        """`corpus_tags` are `tags_of(train)`; the reserved ones come first."""
        return cls((*RESERVED, *sorted(set(corpus_tags) - set(RESERVED))), first_id)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ids", {tag: self.first_id + i for i, tag in enumerate(self.tags)})

    def id(self, tag: str) -> int:
        """Token id of `tag`; of `<other>` for a tag that the training split did not have."""
        ids: dict[str, int] = self.__dict__["_ids"]
        return ids.get(tag, ids[OTHER])

    def __len__(self) -> int:
        return len(self.tags)

    def __contains__(self, token_id: int) -> bool:
        return self.first_id <= token_id < self.first_id + len(self.tags)

    def tag(self, token_id: int) -> str:
        return self.tags[token_id - self.first_id]


def training_texts(train: Sequence[Example]) -> set[str]:
    """The distinct segments and references: what `scratch` tokenizers are trained on."""
    segments = {segment.text for example in train for segment in linearize(example.source)}
    return segments | {text for example in train for text in example.references}


@dataclass(frozen=True, slots=True)
class Encoded:
    """One sequence. `state_ids` are the tags' token ids; `cut` counts data tokens that were left out."""

    input_ids: list[int]
    state_ids: list[int]
    labels: list[int]
    cut: int = 0


class SegmentTokenizer:
    """Segments and texts -> token ids, with any transformers tokenizer; each distinct text is tokenized once.

    Threads may share it: a full cache is replaced, never emptied, and what is read from it is looked up once.
    """

    def __init__(self, tokenizer: Any, tags: TagVocabulary) -> None:
        self.tokenizer, self.tags = tokenizer, tags
        self._space = leading_space(tokenizer)
        self._cache: dict[str, list[int]] = {}

    def warm(self, sources: Iterable[Source], texts: Iterable[str] = ()) -> None:
        """Tokenizes the distinct segments and texts in one batch, which is many times faster than one by one."""
        if len(self._cache) > CACHED:
            self._cache = {}
        wanted = {segment.text for source in sources for segment in linearize(source)} | set(texts)
        cache = self._cache
        new = sorted(text for text in wanted if text and text not in cache)
        if new:
            batch = self.tokenizer(
                [self._space + text for text in new],
                add_special_tokens=False,
                split_special_tokens=True,
                return_attention_mask=False,
                return_token_type_ids=False,
            )
            cache.update(zip(new, batch["input_ids"], strict=True))

    def segments(self, source: Source) -> Iterator[tuple[int, list[int]]]:
        """(the tag's id, token ids) of each segment, which start with the tag itself unless it is `<data>`."""
        for tag, text in linearize(source):
            tag_id = self.tags.id(tag)
            yield tag_id, self.tokens(text) if tag == DATA else [tag_id, *self.tokens(text)]

    def tokens(self, text: str) -> list[int]:
        if not text:
            return []
        ids: list[int] | None = self._cache.get(text)
        if ids is None:
            ids = self.tokenizer(self._space + text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
            self._cache[text] = ids
        return ids

    def name(self, token_id: int) -> str:
        """A token as a reader knows it: a tag, or what the tokenizer calls it."""
        if token_id in self.tags:
            return self.tags.tag(token_id)
        name: str = self.tokenizer.convert_ids_to_tokens(token_id)
        return name


class Encoder:
    """Encodes prompts and training sequences with one tokenizer, tag vocabulary and state mode.

    Args:
        tokenizer: any transformers tokenizer; texts are tokenized segment by segment.
        states: `fine` gives each token the tag that most recently precedes it, `coarse` only `<data>` or `<text>`.
            With `none` the column is that of `coarse` and the model adds no vector for it.
        max_length: longest training sequence, in tokens, `<eos>` included.
        max_prompt: longest prompt, in tokens, `<text>` included.
    """

    def __init__(
        self, tokenizer: Any, tags: TagVocabulary, *, states: StateMode, max_length: int, max_prompt: int
    ) -> None:
        self.tokenizer, self.tags, self.states = tokenizer, tags, states
        self.max_length, self.max_prompt = max_length, max_prompt
        self.eos_id: int = tokenizer.eos_token_id
        self._pieces = SegmentTokenizer(tokenizer, tags)
        self._latest: tuple[Source, list[int], list[int]] | None = None

    def warm(self, sources: Iterable[Source], targets: Iterable[str] = ()) -> None:
        """Tokenizes what is to be encoded in one batch: see `SegmentTokenizer.warm`."""
        self._pieces.warm(sources, targets)

    def prompt(self, source: Source) -> Encoded:
        """`<data>` DATA `<text>`, cut to `max_prompt`; labels are all `IGNORED`."""
        return self._sequence(source, [], self.max_prompt)

    def example(self, source: Source, target: str, name: str) -> Encoded:
        """`<data>` DATA `<text>` TEXT `<eos>`, data cut from its end to fit `max_length`; `name` is for the error.

        Labels are `IGNORED` up to and including `<text>`; the target and `<eos>` are learned (section 3.1).

        Raises:
            TargetTooLongError: the target with its three structure tokens alone exceeds `max_length`.
        """
        learned = [*self._pieces.tokens(target), self.eos_id]
        if len(learned) + 2 > self.max_length:
            raise TargetTooLongError(
                f"{name}: the reference needs {len(learned) + 2} tokens with <data>, <text> and <eos>, but sequences "
                f"may have {self.max_length}. The target is never cut: raise corpus.max_length, choose a generator "
                "with a longer context, or remove this reference."
            )
        return self._sequence(source, learned, self.max_length)

    def _sequence(self, source: Source, learned: list[int], limit: int) -> Encoded:
        text_id = self.tags.id(TEXT)
        ids, states = self._data(source)
        kept = max(1, limit - len(learned) - 1)
        cut = max(0, len(ids) - kept)
        prompt_length = len(ids) - cut + 1
        return Encoded(
            input_ids=[*ids[:kept], text_id, *learned],
            state_ids=[*states[:kept], text_id, *[text_id] * len(learned)],
            labels=[*[IGNORED] * prompt_length, *learned],
            cut=cut,
        )

    def _data(self, source: Source) -> tuple[list[int], list[int]]:
        """Token and state ids of `<data>` DATA; kept for the next call, since an input's references come in a row."""
        latest = self._latest  # read once: another thread may put its own there
        if latest is None or latest[0] is not source:
            data_id = self.tags.id(DATA)
            ids, states = [data_id], [data_id]
            for tag_id, segment in self._pieces.segments(source):
                ids += segment
                states += [tag_id if self.states == "fine" else data_id] * len(segment)
            latest = self._latest = source, ids, states
        return latest[1:]

    def text(self, token_ids: Sequence[int]) -> str:
        """Generated ids (without `<eos>`) back to text, outer spaces removed."""
        text: str = self.tokenizer.decode(token_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text.strip()

    def describe(self, encoded: Encoded) -> list[tuple[str, str, str]]:
        """The three columns for a reader's eye: token, state ("-" without states), and the learned token or "-"."""
        return [
            (
                self._pieces.name(token),
                "-" if self.states == "none" else self._pieces.name(state),
                "-" if label == IGNORED else self._pieces.name(label),
            )
            for token, state, label in zip(encoded.input_ids, encoded.state_ids, encoded.labels, strict=True)
        ]


def leading_space(tokenizer: Any) -> str:
    """What to put before a segment so that its first word is tokenized as in the middle of a sentence.

    Byte-level tokenizers need a space; SentencePiece ones with a dummy prefix already add it themselves.
    """

    def ids(text: str) -> list[int]:
        found: list[int] = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return found

    alone = ids("a")  # may be several tokens, where the vocabulary has no " a"
    return "" if ids("a a")[len(alone) :] == alone else " "


def word_ids(tokenizer: Any, words: str) -> list[int]:
    """Token ids of a tag's words, to start the tag's embedding row from."""
    ids: list[int] = tokenizer(leading_space(tokenizer) + words, add_special_tokens=False, split_special_tokens=True)[
        "input_ids"
    ]
    return ids
