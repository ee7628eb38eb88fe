"""Encoding: what each of the three columns holds, for any source, any text and several kinds of tokenizer."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from datatuner.backbones import train_tokenizer
from datatuner.datamodules import encode_pairs
from datatuner.encoding import IGNORED, Encoder, StateMode, TagVocabulary, word_ids
from datatuner.errors import TargetTooLongError
from datatuner.example import AmrGraph, AmrNode, Example, Slot, SlotValues, Source, Triple, Triples
from datatuner.linearization import DATA, OTHER, RESERVED, TEXT, linearize, tags_of

EOS = "<|endoftext|>"
LONG = 100_000  # no sequence here is cut at this length

texts = st.one_of(
    st.text(max_size=30),
    st.sampled_from([EOS, f"a{EOS}b", "<text>", "<data> x <text> y", "<subject>", "£20 – naïve 🙂", " two  spaces "]),
)
names = st.sampled_from(["name", "area", "text", "data", "family friendly", "releaseYear", "né", "<text>"])
sources: st.SearchStrategy[Source] = st.one_of(
    st.builds(
        Triples, st.lists(st.builds(Triple, texts, st.sampled_from(["p", "birthPlace"]), texts), max_size=4).map(tuple)
    ),
    st.builds(SlotValues, st.lists(st.builds(Slot, names, texts), max_size=4).map(tuple), st.none() | names),
    st.builds(
        AmrGraph,
        st.recursive(
            st.builds(AmrNode, st.just("x"), st.sampled_from(["go-02", "name", "dog"])),
            lambda nodes: st.builds(
                AmrNode,
                st.just("y"),
                st.sampled_from(["want-01", "name"]),
                st.lists(
                    st.tuples(st.sampled_from([":ARG0", ":op1", ":wiki", ":mod-of"]), nodes | st.just('"a"')),
                    max_size=3,
                ).map(tuple),
            ),
            max_leaves=6,
        ),
    ),
)
modes: st.SearchStrategy[StateMode] = st.sampled_from(["fine", "coarse", "none"])
property_test = settings(
    max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def byte_level() -> PreTrainedTokenizerFast:
    return train_tokenizer(["name = [ Alimentum ]", "area city centre", "Becoming is by Michelle Obama ."], 300)


def encoder_for(
    tokenizer: Any, *known: Source, states: StateMode = "fine", max_length: int = LONG, max_prompt: int = LONG
) -> Encoder:
    """An encoder whose tags are those of `known` sources; the tag ids lie 7 rows above the tokenizer's."""
    tags = TagVocabulary.build(tags_of(known), len(tokenizer) + 7)
    return Encoder(tokenizer, tags, states=states, max_length=max_length, max_prompt=max_prompt)


def tag_positions(encoder: Encoder, ids: list[int]) -> list[int]:
    return [position for position, token in enumerate(ids) if token in encoder.tags]


@property_test
@given(source=sources, target=texts, mode=modes)
def test_columns_are_equally_long_and_labels_are_target_and_eos(byte_level, source, target, mode):
    encoder = encoder_for(byte_level, source, states=mode)
    encoded = encoder.example(source, target, "x")
    assert len(encoded.input_ids) == len(encoded.state_ids) == len(encoded.labels)
    assert encoded.cut == 0

    start = encoded.input_ids.index(encoder.tags.id(TEXT)) + 1
    assert encoded.labels[:start] == [IGNORED] * start
    assert encoded.labels[start:] == encoded.input_ids[start:]
    *learned, last = encoded.labels[start:]
    assert last == encoder.eos_id
    assert encoder.eos_id not in learned  # "<|endoftext|>" inside a text is spelled out
    assert not tag_positions(encoder, learned)
    assert byte_level.decode(learned, clean_up_tokenization_spaces=False) == (f" {target}" if target else "")
    assert encoder.text(learned) == target.strip()


@property_test
@given(source=sources, target=texts)
def test_fine_states_change_exactly_at_tags(byte_level, source, target):
    encoder = encoder_for(byte_level, source)
    encoded = encoder.example(source, target, "x")
    current = None
    for token, state in zip(encoded.input_ids, encoded.state_ids, strict=True):
        current = token if token in encoder.tags else current
        assert state == current
    tags = [encoder.tags.tag(encoded.input_ids[i]) for i in tag_positions(encoder, encoded.input_ids)]
    assert tags == [DATA, *(tag for tag, _ in linearize(source) if tag != DATA), TEXT]


@property_test
@given(source=sources, target=texts, mode=st.sampled_from(["coarse", "none"]))
def test_coarse_states_change_exactly_once(byte_level, source, target, mode):
    encoder = encoder_for(byte_level, source, states=mode)
    encoded = encoder.example(source, target, "x")
    start = encoded.input_ids.index(encoder.tags.id(TEXT))
    data, text = encoder.tags.id(DATA), encoder.tags.id(TEXT)
    assert encoded.state_ids == [data] * start + [text] * (len(encoded.input_ids) - start)


@property_test
@given(source=sources, target=texts, mode=modes)
def test_modes_share_token_ids_and_labels(byte_level, source, target, mode):
    fine, other = (encoder_for(byte_level, source, states=m).example(source, target, "x") for m in ("fine", mode))
    assert (fine.input_ids, fine.labels) == (other.input_ids, other.labels)


@property_test
@given(source=sources, target=texts, room=st.integers(0, 40))
def test_data_is_cut_from_its_end_and_the_target_never(byte_level, source, target, room):
    whole = encoder_for(byte_level, source).example(source, target, "x")
    start = whole.input_ids.index(whole.state_ids[-1])
    learned = len(whole.input_ids) - start - 1
    limit = learned + 2 + room
    encoder = encoder_for(byte_level, source, max_length=limit, max_prompt=2 + room)
    encoded = encoder.example(source, target, "x")

    kept = min(start, 1 + room)
    assert encoded.cut == start - kept
    assert len(encoded.input_ids) == min(len(whole.input_ids), limit)
    for column, full in (
        (encoded.input_ids, whole.input_ids),
        (encoded.state_ids, whole.state_ids),
        (encoded.labels, whole.labels),
    ):
        assert column == full[:kept] + full[start:]
    assert encoded.input_ids[0] == encoder.tags.id(DATA)

    prompt = encoder.prompt(source)
    assert prompt.input_ids == encoded.input_ids[: kept + 1]
    assert prompt.cut == encoded.cut


@property_test
@given(source=sources, target=texts, mode=modes)
def test_a_prompt_is_the_example_up_to_text(byte_level, source, target, mode):
    encoder = encoder_for(byte_level, source, states=mode)
    prompt, example = encoder.prompt(source), encoder.example(source, target, "x")
    length = len(prompt.input_ids)
    assert prompt.input_ids == example.input_ids[:length]
    assert prompt.state_ids == example.state_ids[:length]
    assert prompt.labels == example.labels[:length] == [IGNORED] * length
    assert prompt.input_ids[-1] == encoder.tags.id(TEXT)


@property_test
@given(batch=st.lists(st.tuples(sources, texts), max_size=4))
def test_warm_changes_nothing(byte_level, batch):
    known = [source for source, _ in batch]
    cold, warm = encoder_for(byte_level, *known), encoder_for(byte_level, *known)
    warm.warm(known, [target for _, target in batch])
    warm.warm(known)
    for source, target in batch:
        assert warm.example(source, target, "x") == cold.example(source, target, "x")


@property_test
@given(text=texts)
def test_text_inverts_tokenization(byte_level, text):
    encoder = encoder_for(byte_level)
    *learned, _ = [label for label in encoder.example(Triples(()), text, "x").labels if label != IGNORED]
    assert encoder.text(learned) == text.strip()


def test_text_leaves_special_tokens_out(byte_level):
    encoder = encoder_for(byte_level)
    ids = byte_level(" a b", add_special_tokens=False)["input_ids"]
    assert encoder.text([*ids, encoder.eos_id]) == "a b"
    assert encoder.text([]) == ""


MR = SlotValues((Slot("name", "Alimentum"), Slot("area", "city centre")))


def test_an_unseen_tag_is_other_as_token_and_state(byte_level):
    encoder = encoder_for(byte_level, SlotValues((Slot("name", "x"),)))
    assert encoder.tags.tags == (*RESERVED, "<name>")
    encoded = encoder.prompt(MR)
    other = encoder.tags.id(OTHER)
    first, last = encoded.input_ids.index(other), len(encoded.input_ids) - 1
    assert encoded.input_ids.count(other) == 1
    assert encoded.state_ids[first:last] == [other] * (last - first)
    assert encoded.state_ids.count(other) == last - first
    assert byte_level.decode(encoded.input_ids[first + 1 : last]) == " area = [ city centre ]"


@pytest.mark.parametrize("target", ["Alimentum is in the city centre .", ""])
def test_a_target_that_just_fits_and_one_that_does_not(byte_level, target):
    tokens = len(byte_level(f" {target}", add_special_tokens=False)["input_ids"]) if target else 0
    just = tokens + 3  # <data>, <text> and <eos>
    encoded = encoder_for(byte_level, MR, max_length=just).example(MR, target, "train/7")
    assert len(encoded.input_ids) == just
    assert encoded.input_ids[2:-1] == encoded.labels[2:-1]
    with pytest.raises(TargetTooLongError) as error:
        encoder_for(byte_level, MR, max_length=just - 1).example(MR, target, "train/7")
    message = str(error.value)
    assert message.startswith("train/7: ")
    assert f"needs {just} tokens" in message
    assert f"may have {just - 1}" in message
    assert "\n" not in message


def test_the_vocabulary_puts_reserved_tags_first_and_knows_its_ids():
    tags = TagVocabulary.build(["<b>", "<a>", TEXT, "<b>"], 50)
    assert tags.tags == (*RESERVED, "<a>", "<b>")
    assert [tags.id(tag) for tag in tags.tags] == [50, 51, 52, 53, 54]
    assert [tags.tag(i) for i in range(50, 55)] == list(tags.tags)
    assert [49 in tags, 50 in tags, 54 in tags, 55 in tags] == [False, True, True, False]
    assert len(tags) == 5
    assert tags.id("<c>") == tags.id(OTHER)


@pytest.fixture(scope="module")
def words_only() -> PreTrainedTokenizerFast:
    """One token per word, for columns that a reader can check by eye."""
    vocabulary = {word: i for i, word in enumerate([EOS, "[UNK]", "name", "=", "[", "]", "Cocum", "near", ";", "Hi"])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=EOS)


@pytest.mark.parametrize("states", ["fine", "coarse", "none"])
def test_describe(words_only, states):
    source = SlotValues((Slot("name", "Cocum"), Slot("near", "Hi")))
    encoder = encoder_for(words_only, SlotValues((Slot("name", ""),)), states=states)
    rows = [
        ("<data>", "<data>", "-"),
        ("<name>", "<name>", "-"),
        ("name", "<name>", "-"),
        ("=", "<name>", "-"),
        ("[", "<name>", "-"),
        ("Cocum", "<name>", "-"),
        ("]", "<name>", "-"),
        (";", "<name>", "-"),
        ("<other>", "<other>", "-"),
        ("near", "<other>", "-"),
        ("=", "<other>", "-"),
        ("[", "<other>", "-"),
        ("Hi", "<other>", "-"),
        ("]", "<other>", "-"),
        ("<text>", "<text>", "-"),
        ("Hi", "<text>", "Hi"),
        ("Cocum", "<text>", "Cocum"),
        (EOS, "<text>", EOS),
    ]
    if states != "fine":
        rows = [(token, state if state == TEXT else DATA, learned) for token, state, learned in rows]
    if states == "none":
        rows = [(token, "-", learned) for token, _, learned in rows]
    assert encoder.describe(encoder.example(source, "Hi Cocum", "x")) == rows


def bpe(pre: Any, decoder: Any, alphabet: list[str]) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre, decoder
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=[EOS, "[UNK]"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(["the a cat sat on a mat", "near the city centre"] * 3, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=EOS, unk_token="[UNK]")


def tokenizer_kinds() -> Iterator[Any]:
    """(tokenizer, whether a text needs a space before it to be tokenized as in mid-sentence)."""
    yield pytest.param(train_tokenizer(["the cat sat", "near the city centre"], 280), True, id="bytes-without-a")
    byte_alphabet = pre_tokenizers.ByteLevel.alphabet()
    for prefix in (False, True):
        pre = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
        yield pytest.param(bpe(pre, decoders.ByteLevel(), byte_alphabet), not prefix, id=f"bytes-prefix={prefix}")
    for scheme in ("always", "first", "never"):
        meta = pre_tokenizers.Metaspace(prepend_scheme=scheme)
        tokenizer = bpe(meta, decoders.Metaspace(prepend_scheme=scheme), [])
        yield pytest.param(tokenizer, scheme == "never", id=f"metaspace-{scheme}")


@pytest.mark.parametrize(("tokenizer", "needs_space"), list(tokenizer_kinds()))
def test_a_segment_is_tokenized_as_in_mid_sentence(tokenizer, needs_space):
    def ids(text: str) -> list[int]:
        found: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        return found

    encoder = encoder_for(tokenizer)
    *learned, _ = [label for label in encoder.example(Triples(()), "cat sat", "x").labels if label != IGNORED]
    assert learned == ids("the cat sat")[len(ids("the")) :]  # no word tokenized as if glued to the one before
    assert learned == ids(" cat sat" if needs_space else "cat sat")
    assert encoder.text(learned) == "cat sat"
    assert word_ids(tokenizer, "cat sat") == learned


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_is_left_as_it_was(byte_level, enabled):
    """Also after a reference that does not fit."""
    before = gc.isenabled()
    examples = [Example("x", "train", MR, ("Short.", "A reference that does not fit."))]
    try:
        (gc.enable if enabled else gc.disable)()
        with pytest.raises(TargetTooLongError):
            encode_pairs(encoder_for(byte_level, MR, max_length=12), examples)
        assert gc.isenabled() == enabled
    finally:
        (gc.enable if before else gc.disable)()
