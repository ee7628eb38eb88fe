"""Sources -> their n-best lists of texts, by a trained generator."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from datatuner.beams import Beam, BeamSettings
from datatuner.checkpoints import TrainedGenerator
from datatuner.decoding import Prompt, beam_search
from datatuner.example import Source
from datatuner.records import Hypothesis


@dataclass(frozen=True)
class Generated:
    """One list for each source, in order, ranked as `DecodingResult` says; tokens that were cut off each; counts."""

    lists: list[tuple[Hypothesis, ...]]
    cut: list[int]
    steps: int
    suppressed_wins: int


def generate(
    trained: TrainedGenerator,
    sources: Sequence[Source],
    settings: BeamSettings,
    *,
    batch_size: int,
    on_batch: Callable[[int], object] | None = None,
) -> Generated:
    """The `settings.n_best` texts of each source, on the generator's device.

    Args:
        batch_size: different inputs in one forward pass; a list does not depend on what else is in its batch.
        on_batch: called after each batch with the number of sources it answered.

    Raises:
        FloatingPointError: the logits are not finite.
    """
    trained.encoder.warm(sources)
    encoded = [trained.encoder.prompt(source) for source in sources]
    result = beam_search(
        trained.generator,
        [Prompt.of(each) for each in encoded],
        settings,
        **trained.special_ids,
        batch_size=batch_size,
        on_batch=on_batch,
    )

    def hypothesis(beam: Beam) -> Hypothesis:
        text = trained.encoder.text(beam.token_ids)
        return Hypothesis(text, beam.log_probability, beam.tokens, beam.score, beam.complete)

    lists = [tuple(map(hypothesis, beams)) for beams in result.beams]
    return Generated(lists, [each.cut for each in encoded], result.steps, result.suppressed_wins)
