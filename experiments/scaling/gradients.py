"""What synchronizing gradients costs two processes of one thread each, without this framework: torch and gloo alone.

Prints the seconds of an all-reduce of 540 MB; then, for a model of SmolLM2's shape, those of forward pass, backward
pass and optimizer step, alone and synchronized, in torch's own buckets and in ones as large as the model.
"""

import itertools
import os
import time
from contextlib import nullcontext
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn.parallel import DistributedDataParallel
from transformers import LlamaConfig, LlamaForCausalLM

SHAPE = {"vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30}
SHAPE |= {"num_attention_heads": 9, "num_key_value_heads": 3}
BATCH, TOKENS, ROUNDS = 4, 110, 4


def measure(rank: int, options: dict[str, Any]) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29556")
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=2)
    numbers = torch.ones(135_000_000)
    dist.barrier()
    start = time.monotonic()
    dist.all_reduce(numbers)
    if rank == 0:
        print(f"all-reduce of 540 MB: {time.monotonic() - start:.2f} s", flush=True)
    model = LlamaForCausalLM(LlamaConfig(**SHAPE, tie_word_embeddings=True))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    ranks = DistributedDataParallel(model, **options)
    ids = torch.randint(0, SHAPE["vocab_size"], (BATCH, TOKENS))
    for synchronized in [True] + [False, True] * ROUNDS:
        dist.barrier()
        with nullcontext() if synchronized else ranks.no_sync():
            times = [time.monotonic()]
            loss = ranks(ids, labels=ids).loss
            times.append(time.monotonic())
            loss.backward()
        times.append(time.monotonic())
        optimizer.step()
        times.append(time.monotonic())
        optimizer.zero_grad()
        if rank == 0:
            parts = ", ".join(f"{end - begin:.2f}" for begin, end in itertools.pairwise(times))
            print(f"{options} {'synchronized' if synchronized else 'alone'}: {parts} s", flush=True)


if __name__ == "__main__":
    for options in ({}, {"bucket_cap_mb": 2000, "gradient_as_bucket_view": True}):
        mp.spawn(measure, args=(options,), nprocs=2)  # type: ignore[no-untyped-call]
