"""The card of an exported model, README.md: what it was trained on, what it scored, and lines that run it."""

from collections.abc import Mapping
from typing import Any

from datatuner.errors import shorten
from datatuner.example import AmrGraph, Source
from datatuner.exported import ALIGNER, CLASSIFIER, GENERATOR, MANIFEST
from datatuner.linearization import linearize
from datatuner.stages import corpus_key

_TITLES = {
    "bleu": "BLEU, lower-cased",
    "bleu_cased": "BLEU, cased",
    "chrf_pp": "chrF++",
    "ser": "slot error rate, %",
    "ser_references": "slot error rate of the human references, %",
    "coverage": "coverage of the data, %",
    "coverage_references": "coverage of the human references, %",
    "accurate": "accurate by the classifier, %",
}


def card(content: Mapping[str, Any], *, shown: Source, licence: str | None, space: str) -> str:
    """The card as markdown.

    Args:
        content: of the manifest.
        shown: a source of the training split, for the examples; of an AMR corpus another one is taken.
        licence: of the corpus; None where nobody said.
        space: what the generator's tokenizer needs before a segment.
    """
    generator, example = content["generator"], content["example"]
    source = shown if not isinstance(shown, AmrGraph) else None
    parts = [
        f"---\nlibrary_name: datatuner\ntags: [data-to-text]\ndatasets: [{content['corpus']}]\n---",
        f"# {generator['name']} on {content['corpus']}: data to text",
        _what(content),
        _measured(content),
        *_trusted(content),
        "## Use\n\n```python\nimport datatuner\n\n"
        f'tuner = datatuner.load("FOLDER")  # this one\nbest = tuner.generate({example!r})\n'
        "print(best.text, best.label, best.fidelity, best.missing)\n```",
        "## Without datatuner\n\n" + _plain(generator, source, space),
        _origin(content, licence),
    ]
    return "\n\n".join(parts) + "\n"


def _what(content: Mapping[str, Any]) -> str:
    generator, classifier = content["generator"], content["classifier"]
    states = {
        "fine": "each token is told the structure token before it",
        "coarse": "each token is told whether it is of data or of text",
        "none": "tokens are not told what they are part of",
    }[generator["states"]]
    judged = (
        f"Its {content['decoding']['n_best']} best texts are labelled by `{CLASSIFIER}/` ({classifier['name']}; "
        "probabilities calibrated on corrupted references, by temperature "
        f"{classifier['temperature']:.3g}) and ranked by `{content['reranking']['policy']}`."
        if classifier
        else "There is no fidelity classifier in this export: `label` and `fidelity` are None."
    )
    aligned = (
        f"`{ALIGNER}` holds names and single words of the training data, by which errors are found."
        if content["aligner"] is not None
        else "Its texts are not aligned with the data, so missing or added values are not told."
    )
    return (
        f"A {generator['model_type']} that writes texts of {' or '.join(content['kinds'])}, with state embeddings as "
        f"in Harkous, Groves and Saffari (COLING 2020): {states}. {judged} {aligned}"
    )


def _measured(content: Mapping[str, Any]) -> str:
    metrics = content["metrics"]
    if metrics is None:
        return "## Scores\n\nNone: a training was exported, not an evaluation."
    rows = [
        f"| {_TITLES.get(name, name)} | {each['value']:.2f} [{each['low']:.2f}, {each['high']:.2f}] | {each['n']} |"
        for name, each in metrics.items()
        if isinstance(each, dict) and each["value"] is not None
    ]
    header = (
        f"## Scores\n\n{metrics['split']} split, 95 % bootstrap intervals over inputs:\n\n| | | inputs |\n|---|---|---|"
    )
    return "\n".join([header, *rows])


def _trusted(content: Mapping[str, Any]) -> list[str]:
    """What P(accurate) is worth on the run's own texts, and what `abstain_below` leaves of them."""
    found = content["abstention"]
    if found is None:
        return []
    split, errors = content["metrics"]["split"], content["classifier"]["calibration_error"]
    own = errors["own_texts"]
    here = f"{own['value']:.3f} on the {own['n']} texts of the {split} split ({own['of']})" if own else "unknown here"
    heads, cells = ["threshold", "inputs with a text"], [[f"{each['threshold']}"] for each in found["table"]]
    for row, each in zip(cells, found["table"], strict=True):
        row.append(f"{each['kept']:.1%}")
    if content["aligner"] is not None:
        heads.append("of these texts, with a slot error")
        for row, each in zip(cells, found["table"], strict=True):
            row.append("–" if each["errors"] is None else f"{each['errors']:.1%}")
    lines = [f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *cells)]
    unknown = "" if content["aligner"] is not None else " How many are wrong is unknown: they are not aligned."
    return [
        "## How far to trust it",
        "`fidelity` is P(accurate), calibrated on corrupted references and not on texts of this model. Its calibration "
        f"error is {errors['corrupted_references']:.3f} there, and {here}.",
        f"What `abstain_below` leaves of the {found['inputs']} inputs of the {split} split: the text is the first one, "
        f"in the order of `{content['reranking']['policy']}`, that is complete and whose P(accurate) is at least the "
        f"threshold; an input without one is withheld.{unknown}",
        "\n".join(lines),
    ]


def _plain(generator: Mapping[str, Any], source: Source | None, space: str) -> str:
    """Lines for transformers alone, where its own model can do it: GPT-2's `token_type_ids` are a tied state table."""
    if generator["state_table"] is not None and (generator["model_type"], generator["state_table"]) != ("gpt2", "tied"):
        return (
            f"`{GENERATOR}/` is a transformers model, but plain transformers would leave its states out: datatuner "
            "adds the vector of each token's state to its embedding while it reads the data and writes."
        )
    from datatuner.corpora.amr import parse

    segments = [tuple(each) for each in linearize(source or parse("(w / want-01 :ARG0 (b / boy))"))]
    shown = ",\n    ".join(map(repr, segments))
    state = 'tags["<data>"]' if generator["states"] == "coarse" else "tags[tag]"
    states = ", token_type_ids=torch.tensor([states])" if generator["state_table"] else ""
    return f'''The generator's n best list, in plain transformers, started in this folder (no classifier, no reranking).
Where a text is cut at `max_new_tokens`, the list may differ: datatuner's cut texts take only places that complete
ones leave.

```python
import json

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

model, tokenizer = (auto.from_pretrained("{GENERATOR}") for auto in (AutoModelForCausalLM, AutoTokenizer))
tags = json.load(open("{GENERATOR}/tags.json", encoding="utf-8"))  # structure tokens: ids above the tokenizer's own
segments = [
    {shown},
]
ids, states = [tags["<data>"]], [tags["<data>"]]
for tag, text in segments:
    tokens = [] if tag == "<data>" else [tags[tag]]
    if text:
        tokens += tokenizer({space!r} + text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    ids, states = ids + tokens, states + [{state}] * len(tokens)
ids, states = [*ids, tags["<text>"]], [*states, tags["<text>"]]
inputs = torch.tensor([ids])
found = model.generate(inputs{states}, attention_mask=torch.ones_like(inputs))
for text in tokenizer.batch_decode(found[:, len(ids):], skip_special_tokens=True):
    print(text.strip())
```'''


def _origin(content: Mapping[str, Any], licence: str | None) -> str:
    training, inputs = content["provenance"]["training"], content["provenance"]["inputs"]
    packages = ", ".join(f"{name} {version}" for name, version in training["packages"].items())
    return (
        "## Origin\n\n"
        f"- Corpus: {content['corpus']}, sha256 of what was read to train {_read(inputs)}; licence: "
        f"{licence or 'not stated'}. What is trained on it may be subject to it.\n"
        f"- Weights it started from: {shorten(inputs['weights'])}; seed {content['provenance']['seed']}.\n"
        f"- datatuner {training['datatuner']}, commit {training['commit']}; {packages}; {training['machine']}.\n"
        f"- Settings, fingerprints and the checksum of every file: `{MANIFEST}`."
    )


def _read(inputs: Mapping[str, str]) -> str:
    """The checksums of the splits that were trained on and validated on."""
    splits = {key.removeprefix(corpus_key("")): each for key, each in inputs.items() if key.startswith("corpus")}
    return ", ".join(f"{each[:16]}… ({split})" for split, each in sorted(splits.items()))
