"""Squares around boxes, sampled as the exported graph samples them, and single marks rendered for the embedder."""

from __future__ import annotations

import cv2
import numpy as np

from degrade import degrade
from marks import MarkBank
from paths import crop_margin, crop_size
from scenes import clean_scene, mark_size
from sheets import Pick

# Stored wider than the crop, so that training can shift, turn and scale it.
stored_size = 80
_stored_share = stored_size / crop_size


def crop(picture: np.ndarray, box: np.ndarray, size: int = crop_size, share: float = 1.0) -> np.ndarray:
    """uint8 [size,size,3]: the square around `box` with its margin, from a picture halved as often as the graph does."""
    centre_x, centre_y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    side = max(box[2] - box[0], box[3] - box[1], 4.0) * (1 + 2 * crop_margin) * share
    step = side / size
    level = 0 if step <= 1.25 else 1 if step <= 2.5 else 2 if step <= 5 else 3
    if level:
        height, width = picture.shape[0] >> level, picture.shape[1] >> level
        picture = cv2.resize(picture[: height << level, : width << level], (width, height), interpolation=cv2.INTER_AREA)
    factor = 1 / (1 << level)
    # Output pixel i covers the middle of its share of the square.
    matrix = np.array(
        [[step * factor, 0, (centre_x - side / 2 + step / 2) * factor - 0.5], [0, step * factor, (centre_y - side / 2 + step / 2) * factor - 0.5]],
        np.float32,
    )
    return cv2.warpAffine(picture, matrix, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)


def usable(box: np.ndarray, seen: float) -> bool:
    return bool(max(box[2] - box[0], box[3] - box[1]) >= 12 and min(box[2] - box[0], box[3] - box[1]) >= 5 and seen >= 0.5)


def mark_crop(rng: np.random.Generator, bank: MarkBank, backs: np.ndarray, pick: Pick) -> tuple[np.ndarray, int, float]:
    """(stored crop uint8 [80,80,3], class, longer side in px) of one mark in a small scene of its own."""
    while True:
        size = mark_size(rng, 16, 170)
        side = int(size * 1.9 + 16) // 2 * 2
        scene = clean_scene(rng, bank, backs, pick, side, side, (size, size + 0.01), carriers=1, negatives=int(rng.random() < 0.2))
        good = [k for k in range(len(scene.classes)) if usable(scene.boxes[k], scene.seen[k])]
        if not good:
            continue
        k = good[int(rng.integers(len(good)))]
        picture = degrade(rng, scene.picture, strength=0.7 + size / 200, compressed=0.35)
        box = scene.boxes[k]
        return crop(picture, box, stored_size, _stored_share), int(scene.classes[k]), float(max(box[2] - box[0], box[3] - box[1]))


def scene_crops(picture: np.ndarray, boxes: np.ndarray, seen: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """(index, stored crop) of every usable mark of a finished scene."""
    return [(k, crop(picture, boxes[k], stored_size, _stored_share)) for k in range(len(boxes)) if usable(boxes[k], seen[k])]
