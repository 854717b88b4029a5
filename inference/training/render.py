"""Renders training data into numbered shards: any shard can be made again from its kind and number alone.

A shard of scenes holds pictures as JPEG with their boxes, and the stored crops of their marks; a shard of crops holds
marks rendered one by one. Trainers read whatever shards are there, so rendering and training run side by side.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import cv2
import numpy as np

from backgrounds import load_backgrounds
from crops import mark_crop, scene_crops
from marks import MarkBank
from paths import cache_folder, input_height, input_width
from scenes import Scene, training_scene

scenes_per_shard, crops_per_shard = 128, 512
most_boxes = 32
_letterbox = 114


def shards_folder() -> Path:
    return cache_folder / "shards"


def training_pick(bank: MarkBank, plain: float, turned: float):
    """Draws a class: a train brand with share `plain`, a turned one with `turned`, else a drawn mark."""
    brands = len(bank.brands)
    first_drawn = next((k for k, (row, _) in enumerate(bank.classes) if row >= brands), len(bank.classes))

    def pick(rng: np.random.Generator) -> int:
        kind = rng.random()
        if kind < plain or first_drawn == len(bank.classes):
            return int(rng.integers(bank.plain_classes))
        if kind < plain + turned:
            return int(rng.integers(bank.plain_classes, first_drawn))
        return int(rng.integers(first_drawn, len(bank.classes)))

    return pick


def letterboxed_scene(rng: np.random.Generator, bank: MarkBank, backs: np.ndarray, pick) -> Scene:
    """A training scene as the model gets it: a camera's 16:9 or 4:3 picture letterboxed, or the whole input."""
    shape = rng.random()
    height, width = (360, 640) if shape < 0.5 else (384, 512) if shape < 0.65 else (384, 640)
    scene = training_scene(rng, bank, backs, pick, height, width)
    if (height, width) == (input_height, input_width):
        return scene
    top, left = (input_height - height) // 2, (input_width - width) // 2
    whole = np.full((input_height, input_width, 3), _letterbox, np.uint8)
    whole[top : top + height, left : left + width] = scene.picture
    scene.picture = whole
    scene.boxes = scene.boxes + np.array([left, top, left, top], np.float32)
    return scene


def render_scenes(bank: MarkBank, backs: np.ndarray, pick, seed: list[int], count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    jpegs, crops, labels, sizes = [], [], [], []
    boxes = np.zeros((count, most_boxes, 6), np.float32)  # x1 y1 x2 y2 seen class
    counts = np.zeros(count, np.int32)
    for index in range(count):
        scene = letterboxed_scene(rng, bank, backs, pick)
        found = min(len(scene.boxes), most_boxes)
        counts[index] = found
        boxes[index, :found, :4] = scene.boxes[:found]
        boxes[index, :found, 4] = scene.seen[:found]
        boxes[index, :found, 5] = scene.classes[:found]
        jpegs.append(cv2.imencode(".jpg", scene.picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].ravel())
        for k, stored in scene_crops(scene.picture, scene.boxes, scene.seen):
            crops.append(stored)
            labels.append(scene.classes[k])
            sizes.append(max(scene.boxes[k, 2] - scene.boxes[k, 0], scene.boxes[k, 3] - scene.boxes[k, 1]))
    offsets = np.cumsum([0, *(len(j) for j in jpegs)]).astype(np.int64)
    stored = np.stack(crops) if crops else np.zeros((0, 80, 80, 3), np.uint8)
    return {
        "jpegs": np.concatenate(jpegs),
        "offsets": offsets,
        "boxes": boxes,
        "counts": counts,
        "crops": stored,
        "labels": np.array(labels, np.int32),
        "sizes": np.array(sizes, np.float32),
    }


def render_crops(bank: MarkBank, backs: np.ndarray, pick, seed: list[int], count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = [mark_crop(rng, bank, backs, pick) for _ in range(count)]
    return {
        "crops": np.stack([row[0] for row in rows]),
        "labels": np.array([row[1] for row in rows], np.int32),
        "sizes": np.array([row[2] for row in rows], np.float32),
    }


_kind_seed = {"scenes": 1, "crops": 2, "scenes-validation": 3, "crops-validation": 4}


def render_shard(bank: MarkBank, backs: np.ndarray, kind: str, number: int, count: int | None = None) -> Path:
    """Makes one shard if it is not there yet."""
    file = shards_folder() / kind / f"{number:05d}.npz"
    if file.exists():
        return file
    file.parent.mkdir(parents=True, exist_ok=True)
    seed = [20261121, _kind_seed[kind], number]
    if kind.endswith("validation"):
        bank = bank.of_rows(bank.rows["validation"])
    if kind.startswith("scenes"):
        pick = training_pick(bank, 0.78, 0.1)
        data = render_scenes(bank, backs, pick, seed, count or scenes_per_shard)
    else:
        pick = training_pick(bank, 0.42, 0.33)
        data = render_crops(bank, backs, pick, seed, count or crops_per_shard)
    partial = file.with_suffix(f".{time.time_ns()}.part")
    with open(partial, "wb") as out:
        np.savez(out, **data)
    partial.rename(file)
    return file


def render_worker(worker: int, workers: int, stop_at: float, plan_file: Path | None = None, seconds_idle: float = 0) -> None:
    """Renders shards worker, worker + workers, ... of both kinds until `stop_at` (time.time()).

    `plan_file`, where it exists, is read before each shard: {"scenes": share, "crops": share} shifts the work.
    """
    cv2.setNumThreads(1)
    bank, backs = MarkBank(), load_backgrounds()
    done = {"scenes": worker, "crops": worker}
    for kind in done:
        while (shards_folder() / kind / f"{done[kind]:05d}.npz").exists():
            done[kind] += workers
    credit = {"scenes": 0.0, "crops": 0.0}
    while time.time() < stop_at:
        plan = {"scenes": 0.6, "crops": 0.4}
        if plan_file and plan_file.exists():
            plan = json.loads(plan_file.read_text("utf8"))
        for kind in credit:
            credit[kind] += plan.get(kind, 0)
        kind = max(credit, key=lambda name: credit[name])
        if plan.get(kind, 0) <= 0:
            time.sleep(5)
            continue
        credit[kind] -= sum(plan.values())
        render_shard(bank, backs, kind, done[kind])
        done[kind] += workers
