"""Our own drawn marks: random compositions of shapes, letters and cuts, as a learner's further 'brands'."""

from __future__ import annotations

import cv2
import numpy as np


def _polygon(rng: np.random.Generator, centre: np.ndarray, radius: float, corners: int, star: float) -> np.ndarray:
    angles = np.arange(corners * 2) * np.pi / corners + rng.uniform(0, 2 * np.pi)
    radii = np.where(np.arange(corners * 2) % 2 == 0, radius, radius * star)
    return (centre + np.stack([np.cos(angles), np.sin(angles)], 1) * radii[:, None]).round().astype(np.int32)


def _blob(rng: np.random.Generator, centre: np.ndarray, radius: float) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    radii = radius * (1 + sum(rng.uniform(-0.25, 0.25) * np.cos(k * angles + rng.uniform(0, 6.3)) for k in range(1, 5)))
    return (centre + np.stack([np.cos(angles), np.sin(angles)], 1) * radii[:, None]).round().astype(np.int32)


def _shape(rng: np.random.Generator, canvas: np.ndarray, value: int, scale: float) -> None:
    size = canvas.shape[0]
    centre = size / 2 + rng.normal(0, size * 0.13, 2)
    radius = size * scale * rng.uniform(0.5, 1.0)
    at = (int(centre[0]), int(centre[1]))
    kind = rng.integers(0, 10)
    if kind == 0:
        cv2.circle(canvas, at, int(radius), value, -1)
    elif kind == 1:
        cv2.circle(canvas, at, int(radius), value, max(3, int(radius * rng.uniform(0.12, 0.5))))
    elif kind == 2:
        axes = (int(radius), int(radius * rng.uniform(0.3, 0.9)))
        start = rng.uniform(0, 360)
        cv2.ellipse(canvas, at, axes, rng.uniform(0, 180), start, start + rng.uniform(90, 330), value, -1)
    elif kind == 3:
        axes = (int(radius), int(radius * rng.uniform(0.5, 1)))
        start = rng.uniform(0, 360)
        thick = max(4, int(radius * rng.uniform(0.15, 0.45)))
        cv2.ellipse(canvas, at, axes, rng.uniform(0, 180), start, start + rng.uniform(90, 330), value, thick)
    elif kind in (4, 5):
        corners = int(rng.integers(3, 9))
        star = np.cos(np.pi / corners) if rng.random() < 0.6 else rng.uniform(0.35, 0.8)
        cv2.fillPoly(canvas, [_polygon(rng, centre, radius, corners, star)], value)
    elif kind == 6:
        cv2.fillPoly(canvas, [_blob(rng, centre, radius)], value)
    elif kind == 7:
        box = cv2.boxPoints((tuple(map(float, centre)), (radius * 2, radius * rng.uniform(0.3, 2)), rng.choice([0, 45, rng.uniform(0, 90)])))
        cv2.fillPoly(canvas, [box.round().astype(np.int32)], value)
    elif kind == 8:
        points = (size / 2 + rng.normal(0, size * 0.25, (int(rng.integers(3, 6)), 2))).round().astype(np.int32)
        cv2.polylines(canvas, [points], False, value, max(5, int(size * rng.uniform(0.04, 0.14))))
    else:
        letters = "".join(rng.choice(list("ABCDEFGHJKLMNPQRSTUVWXYZabdefghkmnqrt2345689&"), int(rng.integers(1, 3))))
        font = int(rng.choice([cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX, cv2.FONT_HERSHEY_SIMPLEX]))
        height = radius / 12 / len(letters) ** 0.5
        thick = max(4, int(radius * rng.uniform(0.1, 0.3)))
        (width, tall), _ = cv2.getTextSize(letters, font, height, thick)
        cv2.putText(canvas, letters, (at[0] - width // 2, at[1] + tall // 2), font, height, value, thick)


def draw_mark(rng: np.random.Generator, size: int) -> np.ndarray:
    """uint8 [size,size] mask of a random mark; its shape depends on `rng` only."""
    while True:
        canvas = np.zeros((size, size), np.uint8)
        _shape(rng, canvas, 255, 0.48)
        for _ in range(int(rng.integers(0, 5))):
            _shape(rng, canvas, 255 if rng.random() < 0.4 else 0, rng.uniform(0.12, 0.36))
        style = rng.random()
        if style < 0.12:
            canvas = np.maximum(canvas, canvas[:, ::-1])
        elif style < 0.2:
            canvas = np.maximum(canvas, canvas[::-1, ::-1])
        elif style < 0.3:
            folds = int(rng.integers(3, 7))
            out = np.zeros_like(canvas)
            for k in range(folds):
                turn = cv2.getRotationMatrix2D((size / 2, size / 2), 360 * k / folds, 0.8)
                out = np.maximum(out, cv2.warpAffine(canvas, turn, (size, size)))
            canvas = out
        elif style < 0.4:
            stripes = (np.arange(size) // max(4, int(size * rng.uniform(0.05, 0.14)))) % 2 * 255
            canvas = np.minimum(canvas, (stripes[:, None] if rng.random() < 0.5 else stripes[None, :]).astype(np.uint8))
        elif style < 0.5:
            badge = np.zeros_like(canvas)
            if rng.random() < 0.5:
                cv2.circle(badge, (size // 2, size // 2), size // 2 - 2, 255, -1)
            else:
                cv2.rectangle(badge, (4, 4), (size - 5, size - 5), 255, -1)
            inner = cv2.resize(canvas, (int(size * 0.66),) * 2, interpolation=cv2.INTER_AREA)
            offset = (size - inner.shape[0]) // 2
            badge[offset : offset + inner.shape[0], offset : offset + inner.shape[0]] &= 255 - inner
            canvas = badge
        if 0.08 < (canvas > 127).mean() < 0.9 and _is_particular(canvas):
            return canvas


def _is_particular(canvas: np.ndarray) -> bool:
    """False for plain discs, rings and polygons: they would teach that any shape is a mark."""
    found = cv2.findContours(canvas, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)[0]
    large = [c for c in found if cv2.contourArea(c) > canvas.size * 0.0015]
    if not large:
        return False
    outline = max(large, key=cv2.contourArea)
    solid = cv2.contourArea(outline) / max(1.0, cv2.contourArea(cv2.convexHull(outline)))
    return len(large) >= 3 or solid < 0.85
