"""What both trainings share: device, precision, a budget in steps or minutes, checkpoints and a log of JSON lines."""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from pathlib import Path

import torch

from paths import runs_folder

save_every_seconds = 150


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def half_precision(where: torch.device):
    """bf16 where the processor multiplies it fast (AMX and AVX512-BF16: 2-3 times fp32 with channels_last)."""
    if where.type == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16)
    try:
        flags = Path("/proc/cpuinfo").read_text("utf8")
    except OSError:
        flags = ""
    if "amx_bf16" in flags or "avx512_bf16" in flags:
        return torch.autocast("cpu", dtype=torch.bfloat16)
    return contextlib.nullcontext()


class Run:
    """A resumable training run in .cache/runs/<name>: state.pt and log.jsonl.

    The learning rate follows the share of the budget that is used: minutes of training time, or steps.
    """

    def __init__(self, name: str, minutes: float | None, steps: int | None, resume: bool) -> None:
        self.folder = runs_folder / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.minutes, self.steps = minutes, steps
        self.step = 0
        self.used_before = 0.0
        self.started = self.saved = time.time()
        self.state: dict | None = None
        if resume and (self.folder / "state.pt").exists():
            self.state = torch.load(self.folder / "state.pt", map_location="cpu")
            self.step, self.used_before = self.state["step"], self.state["used"]
        elif not resume:
            (self.folder / "log.jsonl").unlink(missing_ok=True)

    @property
    def used(self) -> float:
        """Seconds of training so far, over all sessions."""
        return self.used_before + time.time() - self.started

    def budget(self) -> float:
        """Minutes; a file `minutes` in the run's folder overrides what the command said."""
        override = self.folder / "minutes"
        return float(override.read_text("utf8")) if override.exists() else float(self.minutes or math.inf)

    def share(self) -> float:
        """Used share of the budget, 0..1."""
        by_steps = self.step / self.steps if self.steps else 0.0
        return min(1.0, max(by_steps, self.used / 60 / self.budget() if self.minutes else 0.0))

    def rate(self, top: float, warm: int = 60) -> float:
        """Warm-up, then half a cosine down to 2 % of `top`."""
        warm = min(warm, 1 + (self.steps or 1_000_000) // 8)
        return top * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.share()))) * min(1.0, (self.step + 1) / warm)

    def log(self, **values: float) -> None:
        row = {"step": self.step, "minutes": round(self.used / 60, 2), **values}
        with open(self.folder / "log.jsonl", "a", encoding="utf8") as out:
            out.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)

    def save(self, force: bool = False, **parts) -> None:
        if not force and time.time() - self.saved < save_every_seconds:
            return
        self.saved = time.time()
        partial = self.folder / "state.part"
        torch.save({"step": self.step, "used": self.used, **parts}, partial)
        os.replace(partial, self.folder / "state.pt")


def use_threads(count: int | None) -> None:
    if count:
        torch.set_num_threads(count)
