"""What a camera, its room and a call do to a picture."""

from __future__ import annotations

import cv2
import numpy as np

from codec import av, encode_decode

_noise: np.ndarray | None = None


def _noise_bank() -> np.ndarray:
    global _noise
    if _noise is None:
        _noise = np.random.default_rng(5).standard_normal((1024, 1024), dtype=np.float32)
    return _noise


def light(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """White balance, exposure, gamma and a light from one side; uint8 -> uint8."""
    gains = rng.uniform(0.86, 1.16, 3)
    exposure = rng.uniform(0.75, 1.25) if rng.random() < 0.8 else rng.uniform(0.25, 0.6)
    gamma = rng.uniform(0.75, 1.35)
    lift = rng.uniform(0, 30) if rng.random() < 0.3 else 0.0
    steps = np.arange(256, dtype=np.float32) / 255
    table = np.stack([np.clip((steps**gamma) * exposure * gain * (255 - lift) + lift, 0, 255) for gain in gains], 1)
    out = cv2.LUT(picture, table.round().astype(np.uint8).reshape(1, 256, 3))
    if rng.random() < 0.3:
        height, width = out.shape[:2]
        small = cv2.resize(rng.uniform(0.55, 1.15, (2, 3)).astype(np.float32), (width, height))
        out = np.clip(out * small[..., None], 0, 255).astype(np.uint8)
    return out


def blur(rng: np.random.Generator, picture: np.ndarray, strength: float = 1.0) -> np.ndarray:
    kind = rng.random()
    if kind < 0.4:
        return picture
    if kind < 0.75:
        return cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.5) * strength)
    if kind < 0.92:
        length = int(rng.integers(3, 4 + int(9 * strength)))
        kernel = np.zeros((length, length), np.float32)
        angle = rng.uniform(0, np.pi)
        middle = (length - 1) / 2
        dx, dy = np.cos(angle) * middle, np.sin(angle) * middle
        cv2.line(kernel, (round(middle - dx), round(middle - dy)), (round(middle + dx), round(middle + dy)), 1, 1)
        return cv2.filter2D(picture, -1, kernel / kernel.sum())
    height, width = picture.shape[:2]
    share = rng.uniform(0.45, 0.8)
    small = cv2.resize(picture, (max(8, int(width * share)), max(8, int(height * share))), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def noise(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    if rng.random() < 0.35:
        return picture
    bank = _noise_bank()
    height, width = picture.shape[:2]
    if width > 1023:
        bank = np.hstack([bank, bank[::-1]])
    sigma = rng.uniform(1, 7) if rng.random() < 0.8 else rng.uniform(7, 16)
    planes = 3 if rng.random() < 0.5 else 1
    parts = []
    for _ in range(planes):
        y, x = int(rng.integers(0, 1024 - min(height, 1023))), int(rng.integers(0, bank.shape[1] - min(width, bank.shape[1] - 1)))
        parts.append(bank[y : y + height, x : x + width] * sigma)
    grain = np.stack(parts, 2) if planes == 3 else parts[0][..., None]
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def sharpen(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    if rng.random() < 0.85:
        return picture
    soft = cv2.GaussianBlur(picture, (0, 0), 1.2)
    return cv2.addWeighted(picture, 1 + (amount := rng.uniform(0.3, 1.0)), soft, -amount, 0)


def jpeg(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    quality = int(rng.integers(28, 92))
    return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


def codec(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Two pictures, the first a little shifted, as a call's steady state has it; sides must be even."""
    name = "h264" if rng.random() < 0.6 else "vp8"
    quantiser = int(rng.integers(24, 41)) if name == "h264" else int(rng.integers(14, 58))
    before = np.roll(picture, (int(rng.integers(-2, 3)), int(rng.integers(-3, 4))), (0, 1))
    return encode_decode([before, picture], name, None, quantiser)[-1]


def degrade(rng: np.random.Generator, picture: np.ndarray, strength: float = 1.0, compressed: float = 0.45) -> np.ndarray:
    """uint8 [h,w,3] -> the same size, as seen through a call. `compressed`: share that goes through a real codec."""
    picture = light(rng, picture)
    picture = blur(rng, picture, strength)
    picture = noise(rng, picture)
    picture = sharpen(rng, picture)
    kind = rng.random()
    if kind < compressed and av is not None and picture.shape[0] % 2 == 0 and picture.shape[1] % 2 == 0:
        return codec(rng, picture)
    return jpeg(rng, picture) if kind < 0.85 else picture
