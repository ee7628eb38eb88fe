"""Beam search side by side: datatuner's and transformers' `generate`, on the same model, prompts and threads.

The model has the shape of `generator=tiny` and random weights, spread wide enough that its texts end at varied lengths.
"""

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from datatuner.beams import BeamSettings
from datatuner.decoding import Prompt, beam_search
from datatuner.models.generator import Generator

PAD, BOS, EOS, TEXT = 0, 1, 2, 10
TAGS = range(3, 11)
SUPPRESSED = [PAD, BOS, *TAGS]
VOCABULARY = 2000
SETTINGS = BeamSettings(max_new_tokens=60)

Texts = list[list[int]]  # the best hypothesis of each prompt, `<eos>` included


def make_model() -> GPT2LMHeadModel:
    width = 192
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=VOCABULARY, n_positions=160, n_layer=3, n_embd=width, n_head=4,
        initializer_range=0.15, bos_token_id=BOS, eos_token_id=EOS, pad_token_id=PAD,
    )  # fmt: skip
    model = GPT2LMHeadModel(config).eval()
    model.lm_head.bias = torch.nn.Parameter(torch.zeros(VOCABULARY))
    model.lm_head.bias.data[EOS] = 2.7 * 0.15 * width**0.5  # 2.7 standard deviations of a logit
    return model


def make_prompts(count: int) -> list[Prompt]:
    rng = random.Random(0)
    words = [[rng.randrange(TEXT + 1, VOCABULARY) for _ in range(rng.randint(20, 90))] for _ in range(count)]
    return [Prompt((3, *ids, TEXT), (3,) * (len(ids) + 1) + (TEXT,)) for ids in words]


def ours(model: GPT2LMHeadModel, prompts: list[Prompt], batch_size: int) -> Texts:
    generator = Generator(model, state_table="tied", first_tag_id=TAGS[0], tag_count=len(TAGS))
    result = beam_search(
        generator,
        prompts,
        SETTINGS,
        eos_id=EOS,
        text_state_id=TEXT,
        suppressed_ids=SUPPRESSED,
        batch_size=batch_size,
    )
    return [[*beams[0].token_ids, *[EOS] * beams[0].complete] for beams in result.beams]


def theirs(model: GPT2LMHeadModel, prompts: list[Prompt], batch_size: int) -> Texts:
    """Batches are sorted by length, as ours are."""
    order = sorted(range(len(prompts)), key=lambda i: -len(prompts[i].input_ids))
    texts: dict[int, list[int]] = {}
    for start in range(0, len(order), batch_size):
        places = order[start : start + batch_size]
        width = len(prompts[places[0]].input_ids)
        rows = [([PAD] * (width - len(prompts[i].input_ids)), prompts[i]) for i in places]
        output = model.generate(
            torch.tensor([[*pad, *prompt.input_ids] for pad, prompt in rows]),
            attention_mask=torch.tensor([[*pad, *[1] * len(prompt.input_ids)] for pad, prompt in rows]),
            token_type_ids=torch.tensor([[*pad, *prompt.state_ids] for pad, prompt in rows]),
            num_beams=SETTINGS.beam_size,
            num_return_sequences=SETTINGS.n_best,
            do_sample=False,
            length_penalty=SETTINGS.length_penalty,
            early_stopping=SETTINGS.early_stopping,
            max_new_tokens=SETTINGS.max_new_tokens,
            suppress_tokens=SUPPRESSED,
        )
        for i, ids in zip(places, output[:: SETTINGS.n_best, width:].tolist(), strict=True):
            texts[i] = ids[: ids.index(EOS) + 1] if EOS in ids else ids
    return [texts[i] for i in range(len(prompts))]


def measure(search: Callable[..., Texts], *arguments: object) -> tuple[Texts, float, float]:
    """Texts, wall seconds, CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    texts = search(*arguments)
    return texts, time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=32)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    prompts = make_prompts(arguments.prompts)
    rows = []
    model = make_model()
    for batch_size in (1, 8, 32):
        # One run of each in turn, so that a busy machine slows both alike.
        runs = [
            [measure(search, model, prompts, batch_size) for search in (ours, theirs)] for _ in range(arguments.runs)
        ]
        texts = runs[0][0][0]
        row = {
            "batch_size": batch_size,
            "ours_per_second": round(len(prompts) / statistics.median(a[1] for a, _ in runs), 2),
            "transformers_per_second": round(len(prompts) / statistics.median(b[1] for _, b in runs), 2),
            "ratio": round(statistics.median(b[1] / a[1] for a, b in runs), 2),
            "ratio_cpu_seconds": round(statistics.median(b[2] / a[2] for a, b in runs), 2),
            "same_best_texts": sum(a == b for a, b in zip(texts, runs[0][1][0], strict=True)),
            "median_tokens": statistics.median(map(len, texts)),
            "longest": max(map(len, texts)),
        }
        print(row, flush=True)
        rows.append(row)
    report = {"torch": torch.__version__, **vars(arguments), "rows": rows}
    Path(__file__).with_name("results.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
