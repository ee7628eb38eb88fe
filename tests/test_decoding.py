"""Beam search against transformers' own `generate`, against a naive search without a cache, and its bookkeeping."""

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from transformers import Gemma2Config, Gemma2ForCausalLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM
from transformers.generation.utils import GenerateBeamDecoderOnlyOutput

from datatuner.beams import Beam, BeamSettings
from datatuner.decoding import DecodingResult, Prompt, beam_search
from datatuner.models.generator import Generator

PAD, BOS, EOS = 0, 1, 2
TAGS = range(3, 11)  # the last one is `<text>`
TEXT = TAGS[-1]
SUPPRESSED = [PAD, BOS, *TAGS]
VOCABULARY = 150
WORDS = range(TAGS.stop, VOCABULARY)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def random_prompt(rng: random.Random, longest: int = 30) -> Prompt:
    """Random words behind random tags, each word in its tag's state; ends with `<text>`."""
    ids: list[int] = []
    states: list[int] = []
    for _ in range(rng.randint(1, longest)):
        token = rng.choice(TAGS) if not ids or rng.random() < 0.2 else rng.choice(WORDS)
        ids.append(token)
        states.append(token if token in TAGS else states[-1])
    return Prompt((*ids, TEXT), (*states, TEXT))


@pytest.fixture(scope="module")
def prompts() -> list[Prompt]:
    rng = random.Random(0)
    return [random_prompt(rng) for _ in range(200)]


def tiny_gpt2(seed: int = 0) -> GPT2LMHeadModel:
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=VOCABULARY, n_positions=160, n_embd=32, n_layer=2, n_head=2,
        bos_token_id=BOS, eos_token_id=EOS, pad_token_id=PAD, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
    )  # fmt: skip
    return GPT2LMHeadModel(config)


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
    lists: list[list[tuple[list[int], float]]] = []
    for start in range(0, len(prompts), batch_size):
        batch = prompts[start : start + batch_size]
        width = max(len(prompt.input_ids) for prompt in batch)
        pads = [[0] * (width - len(prompt.input_ids)) for prompt in batch]
        rows = list(zip(pads, batch, strict=True))
        output = model.generate(  # type: ignore[misc]
            torch.tensor([[*pad, *prompt.input_ids] for pad, prompt in rows]),
            attention_mask=torch.tensor([[*pad, *[1] * len(prompt.input_ids)] for pad, prompt in rows]),
            token_type_ids=torch.tensor([[*pad, *prompt.state_ids] for pad, prompt in rows]),
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
        assert isinstance(output, GenerateBeamDecoderOnlyOutput)
        assert output.sequences_scores is not None
        sequences = output.sequences[:, width:].tolist()  # filled up after <eos>
        texts = [ids[: ids.index(EOS) + 1] if EOS in ids else ids for ids in sequences]
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


def as_expected_of(ours: list[Beam], theirs: list[tuple[list[int], float]]) -> list[tuple[list[int], float]]:
    """`theirs` as this project ranks it: all complete ones by score, then truncated ones while there is room.

    Among the complete ones are those of `ours` that transformers drops at the last step, for they are not among its
    beam_size best candidates: `test_equals_a_naive_search_on_other_backbones` says which these must be.
    """
    texts = [text for text, _ in theirs]
    extra = [(generated(beam), beam.score) for beam in ours if beam.complete and generated(beam) not in texts]
    complete = [each for each in theirs if each[0][-1] == EOS]
    truncated = [each for each in theirs if each[0][-1] != EOS]
    if not truncated:
        assert not extra
        return theirs
    ranked = sorted([*complete, *extra], key=lambda each: -each[1])
    return [*ranked, *truncated][: len(theirs)]


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize(
    ("name", "max_new_tokens"),
    [
        ("trained", 4),
        ("trained", 8),
        ("untrained", 8),
        pytest.param("trained", 100, marks=pytest.mark.slow),
        pytest.param("untrained", 100, marks=pytest.mark.slow),
    ],
)
def test_equals_transformers(
    request: pytest.FixtureRequest, prompts: list[Prompt], name: str, max_new_tokens: int, early_stopping: bool
) -> None:
    model = request.getfixturevalue(name)
    theirs = transformers_beams(
        model, prompts, max_new_tokens=max_new_tokens, early_stopping=early_stopping, batch_size=200
    )
    ours = decode(tied(model), prompts, max_new_tokens=max_new_tokens, early_stopping=early_stopping).beams
    swaps, whole = 0, 0
    for beams, hypotheses in zip(ours, theirs, strict=True):
        swaps += compare(beams, as_expected_of(beams, hypotheses))
        whole += all(text[-1] == EOS for text, _ in hypotheses)
    assert swaps <= 2  # of 1,000 hypotheses
    complete = [beam for beams in ours for beam in beams if beam.complete]
    if name == "trained":  # what is compared must include every kind of list
        assert len({beam.tokens for beam in complete}) >= min(max_new_tokens, 30) - 2
        assert early_stopping or whole < len(prompts)
        assert whole > 20 or max_new_tokens == 4 or (max_new_tokens == 8 and not early_stopping)


def test_transformers_ends_a_batch_as_it_ends_each_input(trained: GPT2LMHeadModel, prompts: list[Prompt]) -> None:
    """Its loop stops for a whole batch, ours for each input: that this is the same shows against single calls."""
    for early_stopping in (False, True):
        theirs = transformers_beams(
            trained, prompts[:10], max_new_tokens=40, early_stopping=early_stopping, batch_size=1
        )
        ours = decode(tied(trained), prompts[:10], max_new_tokens=40, early_stopping=early_stopping).beams
        for beams, hypotheses in zip(ours, theirs, strict=True):
            assert compare(beams, as_expected_of(beams, hypotheses)) == 0


class Candidate(NamedTuple):
    tokens: tuple[int, ...]
    log_probability: float

    def score(self, settings: BeamSettings) -> float:
        return self.log_probability / math.pow(len(self.tokens), settings.length_penalty)


@torch.inference_mode()
def naive_search(generator: Generator, prompt: Prompt, settings: BeamSettings) -> tuple[list[Candidate], bool]:
    """The same rules for one prompt with lists, whole sequences and no cache; and whether it saw a complete text."""
    width, saw_complete = settings.beam_size, False
    running = [Candidate((), 0.0)]
    finished: list[Candidate] = []
    for length in range(1, settings.max_new_tokens + 1):
        ids = torch.tensor([prompt.input_ids + beam.tokens for beam in running])
        states = torch.tensor([prompt.state_ids + (TEXT,) * len(beam.tokens) for beam in running])
        log_probs = generator(ids, states, torch.ones_like(ids)).logits[:, -1].log_softmax(-1).tolist()
        candidates = [
            Candidate((*beam.tokens, token), beam.log_probability + row[token])
            for beam, row in zip(running, log_probs, strict=True)
            for token in range(VOCABULARY)
            if token not in SUPPRESSED
        ]
        candidates.sort(key=lambda candidate: -candidate.log_probability)
        complete = [beam for beam in candidates[: 2 * width] if beam.tokens[-1] == EOS]
        truncated = [beam for beam in candidates[: 2 * width] if beam.tokens[-1] != EOS]
        finished += [beam for beam in candidates[:width] if beam in complete]
        finished = sorted(finished, key=lambda beam: -beam.score(settings))[:width]
        running = truncated[:width]
        if length == settings.max_new_tokens:
            finished += [beam for beam in complete if beam in candidates[width:]][: width - len(finished)]
            saw_complete = bool(complete)
            finished.sort(key=lambda beam: -beam.score(settings))
            finished += truncated[: width - len(finished)]
        elif len(finished) == width and (
            settings.early_stopping or running[0].score(settings) <= finished[-1].score(settings)
        ):
            break
    saw_complete |= any(beam.tokens[-1] == EOS for beam in finished)
    return finished[: settings.n_best], saw_complete


def with_bias(model: Any, boosts: dict[int, float]) -> Any:
    """`model` with a bias on its output layer."""
    bias = torch.zeros(VOCABULARY)
    for token, boost in boosts.items():
        bias[token] = boost
    model.lm_head.bias = nn.Parameter(bias)
    return model


def tiny_llama() -> Generator:
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=160, initializer_range=0.3, pad_token_id=PAD,
    )  # fmt: skip
    return own(with_bias(LlamaForCausalLM(config), {EOS: 6.0}))


def tiny_gemma2() -> Generator:
    """Its first layer slides a window that is shorter than the prompts."""
    torch.manual_seed(2)
    config = Gemma2Config(
        vocab_size=VOCABULARY, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, sliding_window=6, max_position_embeddings=160, initializer_range=0.3,
        pad_token_id=PAD,
    )  # fmt: skip
    return own(with_bias(Gemma2ForCausalLM(config), {EOS: 6.0}))


def own(backbone: Any) -> Generator:
    generator = Generator(backbone, state_table="own", first_tag_id=TAGS[0], tag_count=len(TAGS))
    assert generator.own_states is not None
    nn.init.normal_(generator.own_states.weight)
    return generator.eval()


SETTINGS = [
    BeamSettings(max_new_tokens=20),
    BeamSettings(max_new_tokens=20, early_stopping=True),
    BeamSettings(max_new_tokens=20, beam_size=3, n_best=2, length_penalty=2.0),
    BeamSettings(max_new_tokens=1),
    BeamSettings(max_new_tokens=3),
    BeamSettings(max_new_tokens=4, early_stopping=True, length_penalty=1.5),
    BeamSettings(max_new_tokens=12, beam_size=1, n_best=1, length_penalty=0.0),
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("make", [tiny_llama, tiny_gemma2])
def test_equals_a_naive_search_on_other_backbones(make: Any, settings: BeamSettings, prompts: list[Prompt]) -> None:
    generator = make()
    result = beam_search(
        generator, prompts[:8], settings, eos_id=EOS, text_state_id=TEXT, suppressed_ids=SUPPRESSED, batch_size=5
    )
    for prompt, beams in zip(prompts[:8], result.beams, strict=True):
        expected, _ = naive_search(generator, prompt, settings)
        assert [tuple(generated(beam)) for beam in beams] == [candidate.tokens for candidate in expected]
        for beam, candidate in zip(beams, expected, strict=True):
            assert beam.log_probability == pytest.approx(candidate.log_probability, abs=1e-4)
            assert beam.score == pytest.approx(candidate.score(settings), abs=1e-4)
            assert beam.tokens == len(candidate.tokens)
            assert beam.complete == (candidate.tokens[-1] == EOS)
    if settings.length_penalty == 0.75 and settings.max_new_tokens > 4:
        assert len({beam.tokens for beams in result.beams for beam in beams if beam.complete}) > 3


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("beam_size", [1, 2, 5])
def test_a_truncated_text_never_goes_before_a_complete_one(
    beam_size: int, early_stopping: bool, prompts: list[Prompt]
) -> None:
    """At every limit: the order, that a shorter list is the head of a longer one, and that no complete text is lost."""
    kinds: set[bool] = set()
    for seed, limit in itertools.product(range(4), range(1, 9)):
        generator = tied(with_bias(tiny_gpt2(seed), {EOS: seed})).eval()  # ends later or sooner
        settings: dict[str, Any] = {"max_new_tokens": limit, "beam_size": beam_size, "early_stopping": early_stopping}
        lists = decode(generator, prompts[:8], **settings, n_best=beam_size).beams
        for prompt, beams in zip(prompts[:8], lists, strict=True):
            flags = [beam.complete for beam in beams]
            assert flags == sorted(flags, reverse=True)
            _, saw_complete = naive_search(generator, prompt, BeamSettings(**settings, n_best=beam_size))
            assert flags[0] == saw_complete
            kinds |= {flags[0]}
        for n_best in range(1, beam_size):
            assert decode(generator, prompts[:8], **settings, n_best=n_best).beams == [b[:n_best] for b in lists]
    assert kinds == {True, False}


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_batches_and_order_change_nothing(trained: GPT2LMHeadModel, prompts: list[Prompt], batch_size: int) -> None:
    prompts = prompts[:24]
    shuffled = random.Random(batch_size).sample(range(len(prompts)), len(prompts))
    expected = decode(tied(trained), prompts, batch_size=16, max_new_tokens=30)
    result = decode(tied(trained), [prompts[i] for i in shuffled], batch_size=batch_size, max_new_tokens=30)
    for i, beams in zip(shuffled, result.beams, strict=True):
        assert compare(beams, [(generated(beam), beam.score) for beam in expected.beams[i]]) == 0
    assert (result.steps, result.suppressed_wins) == (expected.steps, expected.suppressed_wins)


def passes(generator: Generator) -> tuple[list[tuple[int, int]], list[int]]:
    """Of each forward pass to come: (rows, tokens) of its input, and positions the language-model head computes."""
    inputs: list[tuple[int, int]] = []
    heads: list[int] = []

    def record(_: nn.Module, __: Any, arguments: dict[str, Tensor]) -> None:
        rows, tokens, _width = arguments["inputs_embeds"].shape
        inputs.append((rows, tokens))

    generator.backbone.register_forward_pre_hook(record, with_kwargs=True)
    generator.backbone.lm_head.register_forward_hook(
        lambda module, arguments, logits: heads.append(logits.shape[:-1].numel())
    )
    return inputs, heads


def test_prompt_is_computed_once_and_finished_inputs_leave(trained: GPT2LMHeadModel, prompts: list[Prompt]) -> None:
    generator = tied(trained)
    inputs, heads = passes(generator)
    together = decode(generator, prompts[:12], batch_size=12, max_new_tokens=40, early_stopping=True)
    rows = [rows for rows, _ in inputs]
    assert inputs[0] == (12, max(len(prompt.input_ids) for prompt in prompts[:12]))  # rows are prompts, not beams
    assert heads[0] == 12
    assert all(tokens == 1 for _, tokens in inputs[1:])
    assert rows[1:] == heads[1:] == sorted(rows[1:], reverse=True)
    assert len(set(rows[1:])) > 3
    assert together.steps == sum(rows)
    inputs.clear()
    decode(generator, prompts[:12], batch_size=1, max_new_tokens=40, early_stopping=True)
    assert sum(rows) == sum(rows for rows, _ in inputs)  # each input costs what it costs alone


def test_equal_prompts_are_decoded_once(untrained: GPT2LMHeadModel, prompts: list[Prompt]) -> None:
    generator = tied(untrained)
    other_states = Prompt(prompts[0].input_ids, (TEXT,) * len(prompts[0].input_ids))
    inputs, _ = passes(generator)
    answered: list[int] = []
    result = beam_search(
        generator,
        [prompts[0], prompts[1], prompts[0], other_states, prompts[1], prompts[0]],
        BeamSettings(max_new_tokens=4),
        eos_id=EOS,
        text_state_id=TEXT,
        suppressed_ids=SUPPRESSED,
        batch_size=2,
        on_batch=answered.append,
    )
    assert sum(rows for rows, tokens in inputs if tokens > 1) == 3
    assert sum(answered) == 6
    assert len(answered) == 2
    assert result.beams[0] == result.beams[2] == result.beams[5] != result.beams[1] == result.beams[4]
    assert result.beams[3] != result.beams[0]


def test_suppressed_tokens_never_appear(prompts: list[Prompt]) -> None:
    quiet = decode(tied(with_bias(tiny_gpt2(), {EOS: 2.0})), prompts[:10], max_new_tokens=10)
    boosts = {EOS: 2.0, **dict.fromkeys(SUPPRESSED, 8.0)}
    boosted = decode(tied(with_bias(tiny_gpt2(), boosts)), prompts[:10], max_new_tokens=10)
    assert quiet.suppressed_wins == 0
    assert boosted.suppressed_wins == boosted.steps > 0
    generated_tokens = {token for beams in boosted.beams for beam in beams for token in beam.token_ids}
    assert generated_tokens
    assert not generated_tokens & {*SUPPRESSED, EOS}
    # They keep their share of the probability: the same texts, each token less probable.
    assert boosted.beams[0][0].log_probability < quiet.beams[0][0].log_probability - 1


def test_beams_are_flagged_and_counted(trained: GPT2LMHeadModel, prompts: list[Prompt]) -> None:
    beams = [beam for beams in decode(tied(trained), prompts[:30], max_new_tokens=8).beams for beam in beams]
    assert {beam.complete for beam in beams} == {True, False}
    for beam in beams:
        assert beam.tokens == len(beam.token_ids) + beam.complete
        assert beam.complete or beam.tokens == 8
        assert beam.score == pytest.approx(beam.log_probability / beam.tokens**0.75, abs=1e-5)


def test_n_best_is_the_head_of_the_list(trained: GPT2LMHeadModel, prompts: list[Prompt]) -> None:
    five = decode(tied(trained), prompts[:5], max_new_tokens=8).beams
    two = decode(tied(trained), prompts[:5], max_new_tokens=8, n_best=2).beams
    assert two == [beams[:2] for beams in five]


def test_modes_are_restored(prompts: list[Prompt]) -> None:
    generator = tied(tiny_gpt2()).train()
    next(generator.backbone.children()).eval()
    modes = [module.training for module in generator.modules()]
    seen: list[bool] = []
    generator.backbone.register_forward_pre_hook(lambda module, arguments: seen.append(generator.training))
    decode(generator, prompts[:2], max_new_tokens=2)
    assert not any(seen)
    assert [module.training for module in generator.modules()] == modes
    with pytest.raises(ValueError, match="needs 142 tokens, and 140"):
        decode(generator, prompts[:2], max_new_tokens=2, beam_size=71)
    assert [module.training for module in generator.modules()] == modes


def test_no_prompts(untrained: GPT2LMHeadModel) -> None:
    assert decode(tied(untrained), []) == DecodingResult([], 0, 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beam_size": 0}, "beam_size"),
        ({"n_best": 6}, "n_best"),
        ({"n_best": 0}, "n_best"),
        ({"max_new_tokens": 0}, "max_new_tokens"),
        ({"length_penalty": -0.5}, "length_penalty"),
        ({"length_penalty": math.nan}, "length_penalty"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BeamSettings(**settings)


def test_bad_calls_are_refused(untrained: GPT2LMHeadModel) -> None:
    generator = tied(untrained)
    with pytest.raises(ValueError, match="61 tokens and 100 new ones exceed the 160 positions"):
        decode(generator, [Prompt((TEXT,) * 61, (TEXT,) * 61)])
    with pytest.raises(ValueError, match="2 tokens, 1 states"):
        decode(generator, [Prompt((11, TEXT), (TEXT,))])
    with pytest.raises(ValueError, match="0 tokens"):
        decode(generator, [Prompt((), ())])
    with pytest.raises(ValueError, match="batch_size"):
        decode(generator, [Prompt((TEXT,), (TEXT,))], batch_size=0)
    with pytest.raises(ValueError, match="cannot be suppressed"):
        beam_search(generator, [], BeamSettings(), eos_id=EOS, text_state_id=TEXT, suppressed_ids=[EOS], batch_size=1)


@pytest.mark.parametrize("bias", [math.nan, math.inf])
def test_a_diverged_model_is_refused(bias: float, prompts: list[Prompt]) -> None:
    with pytest.raises(FloatingPointError, match="not finite"):
        decode(tied(with_bias(tiny_gpt2(), {40: bias})), prompts[:3], max_new_tokens=4)
