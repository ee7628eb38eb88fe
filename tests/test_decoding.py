"""Beam search against transformers' own `generate`, against a naive search without a cache, and its bookkeeping."""

import math
import random
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from transformers import Gemma2Config, Gemma2ForCausalLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from datatuner.decoding import Beam, BeamSettings, DecodingResult, Prompt, beam_search
from datatuner.models.generator import Generator

PAD, BOS, EOS = 0, 1, 2
TAGS = range(3, 11)  # the last one is `<text>`
TEXT = TAGS[-1]
SUPPRESSED = [PAD, BOS, *TAGS]
VOCABULARY = 150
WORDS = range(TAGS.stop, VOCABULARY)


@pytest.fixture(autouse=True, scope="module")
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def random_prompt(rng: random.Random, longest: int = 30) -> Prompt:
    """Random words behind random tags, each word in its tag's state; ends with `<text>`."""
    ids, states = [], []
    for _ in range(rng.randint(1, longest)):
        token = rng.choice(TAGS) if not ids or rng.random() < 0.2 else rng.choice(WORDS)
        ids.append(token)
        states.append(token if token in TAGS else states[-1])
    return Prompt((*ids, TEXT), (*states, TEXT))


@pytest.fixture(scope="module")
def prompts() -> list[Prompt]:
    rng = random.Random(0)
    return [random_prompt(rng) for _ in range(200)]


def tiny_gpt2() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=VOCABULARY, n_positions=160, n_embd=48, n_layer=2, n_head=4,
        bos_token_id=BOS, eos_token_id=EOS, pad_token_id=PAD, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
    )  # fmt: skip
    return GPT2LMHeadModel(config).eval()


def train(model: GPT2LMHeadModel, steps: int = 150) -> None:
    """Teaches a chain of words: each word has three followers, or the text ends, one time in eight.

    It begins at the prompt's last word, so that texts depend on prompts and end at varied lengths.
    """
    rng = random.Random(1)
    followers = {word: rng.choices(WORDS, k=3) for word in WORDS}
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(steps):
        rows, states, labels = [], [], []
        for _ in range(32):
            prompt = random_prompt(rng, longest=12)
            text = [next((token for token in reversed(prompt.input_ids) if token in WORDS), WORDS[0])]
            while len(text) < 40 and rng.random() < 7 / 8:
                text.append(rng.choices(followers[text[-1]], weights=[6, 3, 1])[0])
            text.append(EOS)
            padding = 60 - len(prompt.input_ids) - len(text)
            rows.append([*prompt.input_ids, *text, *[PAD] * padding])
            states.append([*prompt.state_ids, *[TEXT] * (len(text) + padding)])
            labels.append([-100] * len(prompt.input_ids) + text + [-100] * padding)
        loss = model(torch.tensor(rows), token_type_ids=torch.tensor(states), labels=torch.tensor(labels)).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()


@pytest.fixture(scope="module")
def untrained() -> GPT2LMHeadModel:
    return tiny_gpt2()


@pytest.fixture(scope="module")
def trained() -> GPT2LMHeadModel:
    model = tiny_gpt2()
    train(model)
    return model


def tied(model: GPT2LMHeadModel) -> Generator:
    return Generator(model, state_table="tied", first_tag_id=TAGS[0], tag_count=len(TAGS))


def decode(generator: Generator, prompts: Sequence[Prompt], batch_size: int = 64, **settings: Any) -> DecodingResult:
    return beam_search(
        generator,
        prompts,
        BeamSettings(**settings),
        eos_id=EOS,
        text_state_id=TEXT,
        suppressed_ids=SUPPRESSED,
        batch_size=batch_size,
    )


def transformers_beams(
    model: GPT2LMHeadModel, prompts: Sequence[Prompt], *, max_new_tokens: int, early_stopping: bool, batch_size: int
) -> list[list[tuple[list[int], float]]]:
    """(generated ids with `<eos>`, score) of each hypothesis; as `generate` orders them."""
    lists = []
    for start in range(0, len(prompts), batch_size):
        batch = prompts[start : start + batch_size]
        width = max(len(prompt.input_ids) for prompt in batch)
        pads = [width - len(prompt.input_ids) for prompt in batch]
        rows = zip(pads, batch, strict=True)
        ids, states, mask = zip(
            *(([PAD] * p + list(x), [PAD] * p + list(s), [0] * p + [1] * len(x)) for p, (x, s) in rows), strict=True
        )
        output = model.generate(
            torch.tensor(ids),
            attention_mask=torch.tensor(mask),
            token_type_ids=torch.tensor(states),
            num_beams=5,
            num_return_sequences=5,
            do_sample=False,
            length_penalty=0.75,
            early_stopping=early_stopping,
            max_new_tokens=max_new_tokens,
            suppress_tokens=SUPPRESSED,
            return_dict_in_generate=True,
            output_scores=True,
        )
        rows = output.sequences[:, width:].tolist()  # filled up after <eos>
        texts = [row[: row.index(EOS) + 1] if EOS in row else row for row in rows]
        hypotheses = list(zip(texts, output.sequences_scores.tolist(), strict=True))
        lists += [hypotheses[i : i + 5] for i in range(0, len(hypotheses), 5)]
    return lists


def generated(beam: Beam) -> list[int]:
    return [*beam.token_ids, *[EOS] * beam.complete]


def compare(ours: list[Beam], theirs: list[tuple[list[int], float]]) -> int:
    """Asserts equal scores and texts; the number of places where two hypotheses of equal score changed places."""
    assert len(ours) == len(theirs)
    for beam, (_, score) in zip(ours, theirs, strict=True):
        assert beam.score == pytest.approx(score, abs=1e-4)
    swaps = 0
    for beam, (text, score) in zip(ours, theirs, strict=True):
        if generated(beam) != text:
            tied_texts = [other for other, other_score in theirs if abs(other_score - score) < 1e-5]
            assert generated(beam) in tied_texts
            swaps += 1
    return swaps


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("max_new_tokens", [8, 100])
@pytest.mark.parametrize("model_name", ["untrained", "trained"])
def test_equals_transformers(
    request: pytest.FixtureRequest,
    prompts: list[Prompt],
    model_name: str,
    max_new_tokens: int,
    early_stopping: bool,
):
    model = request.getfixturevalue(model_name)
    import time
    a = time.time()
    theirs = transformers_beams(
        model, prompts, max_new_tokens=max_new_tokens, early_stopping=early_stopping, batch_size=100
    )
    b = time.time()
    ours = decode(tied(model), prompts, max_new_tokens=max_new_tokens, early_stopping=early_stopping).beams
    swaps = sum(compare(beams, hypotheses) for beams, hypotheses in zip(ours, theirs, strict=True))
    print("SWAPS", b - a, time.time() - b,  swaps, len({b.tokens for bs in ours for b in bs}), sum(b.complete for bs in ours for b in bs))
