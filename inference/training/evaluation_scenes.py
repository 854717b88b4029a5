"""Test pictures: another seed, test brands only, and clips of several frames through a real encoder at webcam bitrates."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from codec import encode
from degrade import blur, light, noise
from marks import MarkBank
from paths import input_height, input_width
from render import training_pick
from scenes import clean_scene

frames_per_clip = 6
# (codec, width, height, bit/s): what a browser sends at these sizes.
calls = (
    ("h264", 640, 360, 500_000),
    ("vp8", 640, 360, 400_000),
    ("h264", 1280, 720, 1_500_000),
    ("vp8", 1280, 720, 1_200_000),
)


@dataclass
class TestPicture:
    """A clip's packets, the truth of its last picture in px of it (x1 y1 x2 y2 seen class), and how it was sent."""

    packets: list[bytes]
    truth: np.ndarray
    call: tuple[str, int, int, int]


def test_pictures(bank: MarkBank, backs: np.ndarray, count: int, seed: int):
    """Yields `count` pictures, the calls in turn. The last frame of a clip that drifts slowly is looked at."""
    pick = training_pick(bank, 1.0, 0.0)
    for index in range(count):
        call = calls[index % len(calls)]
        codec, width, height, bits = call
        rng = np.random.default_rng([seed, 777, index])
        edge = 16
        scale = height / 360
        sizes = (14 * scale, 400 * scale) if scale == 1 else (18 * scale, 380 * scale)
        scene = clean_scene(rng, bank, backs, pick, height + 2 * edge, width + 2 * edge, sizes)
        large = blur(rng, light(rng, scene.picture), scale)
        speed = rng.uniform(-1.6, 1.6, 2) * scale
        frames = []
        for frame in range(frames_per_clip):
            back = frames_per_clip - 1 - frame
            x, y = int(round(edge - speed[0] * back)), int(round(edge - speed[1] * back))
            frames.append(noise(np.random.default_rng([seed, index, frame]), large[y : y + height, x : x + width]))
        packets = [bytes(packet) for packet in encode(frames, codec, bits, None)]
        boxes = scene.boxes - edge
        whole = np.maximum((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), 1)
        boxes[:, [0, 2]] = np.clip(boxes[:, [0, 2]], 0, width)
        boxes[:, [1, 3]] = np.clip(boxes[:, [1, 3]], 0, height)
        seen = scene.seen * (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) / whole
        kept = (boxes[:, 2] > boxes[:, 0] + 1) & (boxes[:, 3] > boxes[:, 1] + 1)
        truth = np.concatenate([boxes, seen[:, None], scene.classes[:, None].astype(np.float32)], 1)[kept]
        yield TestPicture(packets, truth.astype(np.float32), call)


def placed(width: int, height: int) -> tuple[float, float, float]:
    """scale, left and top: picture px * scale + (left, top) = input px."""
    scale = min(input_width / width, input_height / height)
    return scale, float((input_width - round(width * scale)) // 2), float((input_height - round(height * scale)) // 2)


def letterbox(picture: np.ndarray) -> np.ndarray:
    """uint8 BGR [h,w,3] -> float32 [3,384,640] RGB 0..1."""
    height, width = picture.shape[:2]
    scale, left, top = placed(width, height)
    w, h, left, top = round(width * scale), round(height * scale), int(left), int(top)
    small = picture if (w, h) == (width, height) else cv2.resize(picture, (w, h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    whole = np.full((input_height, input_width, 3), 114, np.uint8)
    whole[top : top + h, left : left + w] = small
    return whole[..., ::-1].transpose(2, 0, 1).astype(np.float32) / 255
