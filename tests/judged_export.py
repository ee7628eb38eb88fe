"""An export with a classifier of random weights: its labels mean nothing, but they differ from text to text."""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModel

from datatuner import corpora
from datatuner.backbones import build_model, first_tag_id
from datatuner.checkpoints import save_tokenizer
from datatuner.classifier_backbones import build_classifier, train_pair_tokenizer
from datatuner.encoding import TagVocabulary, training_texts
from datatuner.example import Source
from datatuner.exported import CLASSIFIER, CONFIG, MANIFEST, WEIGHTS, seal
from datatuner.fidelity import logits
from datatuner.linearization import tags_of
from datatuner.loading import load
from datatuner.pair_encoding import PairEncoder
from datatuner.records import LABELS

BERT = {
    "model_type": "bert",
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 256,
}


def with_classifier(exported: Path, folder: Path, *, n_best: int = 4) -> Path:
    """A copy of `exported` in `folder` whose lists are of `n_best` texts, of a beam of 5, each with labels."""
    shutil.copytree(exported, folder)
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    content["decoding"] |= {"beam_size": 5, "n_best": n_best}
    _seal(folder, content)
    results = load(folder).generate([example.source for example in corpora.read("demo", None, "test")[:12]])
    pairs = [(result.source, text.text) for result in results for text in result.candidates]
    content["classifier"] = _write(folder / CLASSIFIER, pairs)
    content["reranking"] = {"policy": "severity", "weight": 0.5}
    _seal(folder, content)
    return folder


def _seal(folder: Path, content: dict[str, object]) -> None:
    (folder / MANIFEST).unlink()
    seal(folder, {key: value for key, value in content.items() if key not in ("format", "files", "checksum")})


def _write(folder: Path, pairs: list[tuple[Source, str]]) -> dict[str, object]:
    """A classifier that takes every label for some of `pairs`; what the manifest says of it."""
    train = corpora.read("demo", None, "train")[:60]
    tokenizer = train_pair_tokenizer(training_texts(train), 400)
    torch.manual_seed(3)
    model = build_model({**BERT, "vocab_size": len(tokenizer)}, AutoModel)
    model.pooler = None  # type: ignore[assignment]
    tags = TagVocabulary.build(tags_of([example.source for example in train]), first_tag_id(model, tokenizer))
    classifier = build_classifier(model, tokenizer, tags, labels=len(LABELS))
    encoder = PairEncoder(tokenizer, tags, max_length=200)
    found = torch.tensor(logits(classifier, encoder, pairs, batch_size=16).logits).float()
    scale = 2 / found.std(dim=0)
    with torch.no_grad():
        classifier.head.weight *= scale[:, None]
        classifier.head.bias.copy_((classifier.head.bias - found.mean(dim=0)) * scale)
    folder.mkdir()
    save_file({name: each.clone().contiguous() for name, each in classifier.state_dict().items()}, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps(classifier.encoder.config.to_dict()), encoding="utf-8")
    save_tokenizer(folder, tokenizer)
    told = {"name": "random", "labels": list(LABELS), "temperature": 1.0, "max_length": encoder.max_length}
    return {**told, "tags": list(tags.tags), "first_id": tags.first_id}
