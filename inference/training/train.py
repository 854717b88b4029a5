#!/usr/bin/env python3
"""The one command of the brand model's training; see README.md.

python3 inference/training/train.py --all                 everything, in order
python3 inference/training/train.py --smoke               a few minutes: data, tiny training, export, and a check
python3 inference/training/train.py render --minutes 60   one step by itself; trainings run beside it
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from pathlib import Path

steps_in_order = ("render-cache", "render", "embedder", "detector", "export", "gallery", "thresholds", "evaluate")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", nargs="?", choices=steps_in_order)
    parser.add_argument("--all", action="store_true", help="every step in order")
    parser.add_argument("--smoke", action="store_true", help="the whole way at toy size, in a folder of its own")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument("--init-from", type=Path, help="start from the weights of a brands.onnx")
    parser.add_argument("--minutes", type=float, help="budget of a training or of rendering (default 120)")
    parser.add_argument("--steps", type=int, help="budget of a training in steps instead")
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 1), help="processes that render")
    parser.add_argument("--threads", type=int, help="threads of a training (default: PyTorch's)")
    parser.add_argument("--scenes", type=int, default=400, help="render: shards of 128 scenes")
    parser.add_argument("--crops", type=int, default=300, help="render: shards of 512 crops")
    arguments = parser.parse_args()
    if not (arguments.step or arguments.all or arguments.smoke):
        parser.error("name a step, or --all, or --smoke")
    return arguments


def render_all(scenes: int, crops: int, workers: int, minutes: float | None) -> None:
    """The wanted shards that are not there yet, by `workers` processes."""
    from backgrounds import load_backgrounds
    from marks import MarkBank

    MarkBank()
    load_backgrounds()
    wanted = [("crops-validation", k) for k in range(2)] + [("scenes-validation", k) for k in range(3)]
    wanted += [item for k in range(max(scenes, crops)) for item in (("scenes", k), ("crops", k)) if k < (scenes if item[0] == "scenes" else crops)]
    stop_at = time.time() + 60 * minutes if minutes else float("inf")
    context = multiprocessing.get_context("spawn")
    started = [context.Process(target=_render_some, args=(wanted[k::workers], stop_at)) for k in range(workers)]
    for process in started:
        process.start()
    for process in started:
        process.join()
        if process.exitcode:
            raise RuntimeError(f"a rendering process ended with {process.exitcode}")


def _render_some(wanted: list[tuple[str, int]], stop_at: float) -> None:
    import cv2

    from backgrounds import load_backgrounds
    from marks import MarkBank
    from render import render_shard

    cv2.setNumThreads(1)
    bank, backs = MarkBank(), load_backgrounds()
    for kind, number in wanted:
        if time.time() > stop_at:
            return
        render_shard(bank, backs, kind, number)


def run_step(step: str, arguments: argparse.Namespace) -> None:
    print(f"== {step}", flush=True)
    budget = {"minutes": None if arguments.steps else arguments.minutes or 120.0, "steps": arguments.steps}
    if step == "render-cache":
        from backgrounds import load_backgrounds
        from marks import MarkBank

        print(f"{len(MarkBank().classes)} classes, {len(load_backgrounds())} backgrounds")
    elif step == "render":
        render_all(arguments.scenes, arguments.crops, arguments.workers, arguments.minutes)
    elif step in ("embedder", "detector"):
        from weights import weights_of

        start = weights_of(arguments.init_from, step) if arguments.init_from else None
        if step == "embedder":
            from train_embedder import train_embedder as training
        else:
            from train_detector import train_detector as training
        print(training(**budget, resume=arguments.resume, threads=arguments.threads, start=start))
    elif step == "export":
        from weights import export_runs

        print(json.dumps(export_runs()))
    elif step == "gallery":
        from gallery import write_gallery

        print(write_gallery())
    elif step == "thresholds":
        from thresholds import choose
        from weights import export_runs

        choose()
        print(json.dumps(export_runs()))
    elif step == "evaluate":
        from evaluate import evaluate

        evaluate()


def main() -> int:
    arguments = parse()
    if arguments.smoke:
        from smoke import smoke

        return smoke()
    for step in steps_in_order if arguments.all else (arguments.step,):
        run_step(step, arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
