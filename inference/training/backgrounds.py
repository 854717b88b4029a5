"""Pictures behind the marks: frames of the training clips, wallpapers and procedural ones, as a bank of half-size files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from fetch import fetch_wallpapers
from paths import assets_folder, cache_folder, training_clips

bank_height, bank_width = 432, 768
frames_per_clip = 36


def _cover(image: np.ndarray) -> np.ndarray:
    scale = max(bank_height / image.shape[0], bank_width / image.shape[1])
    size = (max(bank_width, round(image.shape[1] * scale)), max(bank_height, round(image.shape[0] * scale)))
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    y, x = (image.shape[0] - bank_height) // 2, (image.shape[1] - bank_width) // 2
    return image[y : y + bank_height, x : x + bank_width]


def _frames(file: Path) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(file))
    frames = []
    while True:
        ok, frame = capture.read()
        if not ok:
            break
        frames.append(frame)
    step = max(1, len(frames) // frames_per_clip)
    return [_cover(frame) for frame in frames[::step]]


def render_backgrounds() -> None:
    pictures: list[np.ndarray] = []
    for name in training_clips:
        file = assets_folder / "videos" / name
        if file.exists():
            pictures += _frames(file)
        else:
            print(f"no training clip {file}: left out")
    real = len(pictures)
    folder = assets_folder / "images"
    for file in sorted(folder.glob("*")) if folder.exists() else []:
        image = cv2.imread(str(file))
        if image is not None:
            pictures += [_cover(image), _cover(image[:, ::-1]), _cover(image[: image.shape[0] * 2 // 3])]
    wallpapers = fetch_wallpapers()
    if wallpapers:
        for file in sorted(p for p in wallpapers.rglob("*") if p.suffix in (".jpg", ".png", ".webp")):
            # Wallpapers that show a mark of their own would be brand marks without a label.
            if any(word in str(file).lower() for word in ("mate.png", "symbolic", "into-mate", "ubuntu")):
                continue
            image = cv2.imread(str(file), cv2.IMREAD_REDUCED_COLOR_2)
            if image is not None:
                pictures.append(_cover(image))
                height, width = image.shape[:2]
                pictures.append(_cover(image[height // 4 : height // 4 * 3, width // 4 : width // 4 * 3]))
    print(f"backgrounds: {len(pictures)}, of them {real} frames of clips")
    bank = np.stack(pictures) if pictures else np.zeros((0, bank_height, bank_width, 3), np.uint8)
    np.save(cache_folder / "backgrounds.npy", bank)


def load_backgrounds() -> np.ndarray:
    """uint8 [n,432,768,3] BGR, memory-mapped."""
    if not (cache_folder / "backgrounds.npy").exists():
        render_backgrounds()
    return np.load(cache_folder / "backgrounds.npy", mmap_mode="r")


def _field(rng: np.random.Generator, height: int, width: int, cells: int) -> np.ndarray:
    small = rng.random((cells, cells * 2), dtype=np.float32)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def procedural(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """uint8 [height,width,3]: plain, gradient, clouds, stripes, bricks, keys or a chart."""
    first, second = rng.integers(0, 256, 3).astype(np.float32), rng.integers(0, 256, 3).astype(np.float32)
    kind = rng.integers(0, 8)
    if kind == 0:
        share = np.zeros((height, width), np.float32)
    elif kind == 1:
        angle = rng.uniform(0, 6.3)
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        share = (np.cos(angle) * x / width + np.sin(angle) * y / height) * 0.7 + 0.4
    elif kind in (2, 3):
        share = _field(rng, height, width, int(rng.integers(2, 7))) * 0.7 + _field(rng, height, width, 24) * 0.3
    elif kind == 4:
        angle, period = rng.uniform(0, 6.3), rng.uniform(6, 70)
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        share = 0.5 + 0.5 * np.sin((np.cos(angle) * x + np.sin(angle) * y) * 6.283 / period)
        if rng.random() < 0.5:
            share = (share > 0.5).astype(np.float32)
    else:
        share = np.zeros((height, width), np.float32)
    out = first + (second - first) * np.clip(share, 0, 1)[..., None]
    out = np.clip(out, 0, 255).astype(np.uint8)
    if kind == 5:  # keys or bricks
        step_x, step_y = rng.uniform(18, 70), rng.uniform(14, 50)
        colour = [int(c) for c in second]
        for row in range(int(height / step_y) + 1):
            shift = rng.uniform(0, step_x) if rng.random() < 0.5 else 0
            for column in range(-1, int(width / step_x) + 1):
                x, y = int(column * step_x + shift), int(row * step_y)
                cv2.rectangle(out, (x + 2, y + 2), (int(x + step_x - 3), int(y + step_y - 3)), colour, -1)
    elif kind == 6:  # chart
        colours = rng.integers(0, 256, (6, 3)).tolist()
        for line in range(0, height, max(12, height // 9)):
            cv2.line(out, (0, line), (width, line), [int(c) for c in (first + second) / 2], 1)
        bars = int(rng.integers(4, 22))
        for bar in range(bars):
            x = int(width * bar / bars)
            top = int(height * rng.uniform(0.15, 0.95))
            cv2.rectangle(out, (x + 3, top), (x + int(width / bars * 0.7), height), colours[bar % 6], -1)
        x = np.linspace(0, width, 30)
        y = height / 2 + np.cumsum(rng.normal(0, height / 16, 30))
        cv2.polylines(out, [np.stack([x, y], 1).astype(np.int32)], False, colours[5], int(rng.integers(1, 5)), cv2.LINE_AA)
        if rng.random() < 0.5:
            for slice_ in range(4):
                cv2.ellipse(out, (width // 4, height // 3), (height // 6, height // 6), 0, slice_ * 90, slice_ * 90 + 90, colours[slice_], -1)
    elif kind == 7:  # rooms: large plain rectangles
        for _ in range(int(rng.integers(3, 12))):
            x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
            far = (x + int(rng.integers(10, width // 2)), y + int(rng.integers(10, height // 2)))
            cv2.rectangle(out, (x, y), far, rng.integers(0, 256, 3).tolist(), -1)
    return out


def background(rng: np.random.Generator, bank: np.ndarray, height: int, width: int) -> np.ndarray:
    """uint8 [height,width,3] BGR."""
    if len(bank) == 0 or rng.random() < 0.3:
        return procedural(rng, height, width)
    picture = np.asarray(bank[int(rng.integers(len(bank)))])
    zoom = rng.uniform(0.45, 1.0)
    high = min(bank_height, bank_width * height / width) * zoom
    crop_h, crop_w = int(high), int(high * width / height)
    y, x = int(rng.integers(0, bank_height - crop_h + 1)), int(rng.integers(0, bank_width - crop_w + 1))
    out = cv2.resize(picture[y : y + crop_h, x : x + crop_w], (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.5:
        out = out[:, ::-1]
    if rng.random() < 0.3:
        out = np.roll(out, int(rng.integers(1, 3)), axis=2)
    return np.ascontiguousarray(out)
