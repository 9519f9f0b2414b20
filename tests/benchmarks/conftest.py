"""As in a run: every core, and memory kept. And no peer draws a progress bar. In miniature one core is enough."""

from __future__ import annotations

import os

os.environ["TQDM_DISABLE"] = "1"  # read when tqdm is imported, which the peers do

import torch

from benchbench.cost.allocator import keep_memory

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
torch.set_num_threads(1 if os.environ.get("BENCH_SMALL") else CORES)  # the other tests take one each
keep_memory()
