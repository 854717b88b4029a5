"""Colours of marks and how they are put on a picture."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np

Colour = np.ndarray  # float32 [3], BGR, 0..255


def random_colour(rng: np.random.Generator) -> Colour:
    kind = rng.random()
    if kind < 0.14:
        return np.full(3, rng.uniform(228, 255), np.float32)
    if kind < 0.28:
        return np.full(3, rng.uniform(0, 40), np.float32)
    r, g, b = colorsys.hsv_to_rgb(rng.random(), rng.random() ** 0.6, rng.uniform(0.15, 1.0))
    return np.array([b, g, r], np.float32) * 255


def hex_colour(text: str) -> Colour:
    return np.array([int(text[k : k + 2], 16) for k in (4, 2, 0)], np.float32)


def luma(colour: Colour) -> float:
    return float(colour @ np.array([0.114, 0.587, 0.299], np.float32))


def contrast(a: Colour, b: Colour) -> float:
    """How far two colours are apart for an eye that knows brightness best, 0..255."""
    return abs(luma(a) - luma(b)) + 0.25 * float(np.abs(a - b).mean())


def contrasting(rng: np.random.Generator, to: Colour, least: float) -> Colour:
    """A random colour that stands out from `to`."""
    for _ in range(12):
        colour = random_colour(rng)
        if contrast(colour, to) >= least:
            return colour
    return np.full(3, 250 if luma(to) < 128 else 8, np.float32)


def mark_colours(rng: np.random.Generator, hex_text: str | None, behind: Colour) -> Colour:
    """The mark's own colour where it stands out, else another that does."""
    if hex_text and rng.random() < 0.45:
        own = hex_colour(hex_text)
        if contrast(own, behind) > 36:
            return own
    return contrasting(rng, behind, rng.choice([40, 60, 90]))


def fill_of(rng: np.random.Generator, mask: np.ndarray, colour: Colour, behind: Colour) -> np.ndarray:
    """float32 [h,w,3] colours to fill a mask with: flat, gradient, split, or its pieces each in their own colour."""
    height, width = mask.shape
    out = np.empty((height, width, 3), np.float32)
    out[:] = colour
    kind = rng.random()
    if kind < 0.6:
        return out
    second = contrasting(rng, behind, 45)
    if kind < 0.74:
        angle = rng.uniform(0, 6.3)
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        share = np.clip((np.cos(angle) * (x / width - 0.5) + np.sin(angle) * (y / height - 0.5)) + 0.5, 0, 1)
        return out + (second - colour) * share[..., None]
    if kind < 0.86:
        count, labels = cv2.connectedComponents((mask > 127).astype(np.uint8))
        if count > 2:
            colours = [colour, second, contrasting(rng, behind, 45)]
            for piece in range(1, min(count, 40)):
                out[labels == piece] = colours[int(rng.integers(3))]
            return out
    if rng.random() < 0.5:
        out[int(height * rng.uniform(0.3, 0.7)) :] = second
    else:
        out[:, int(width * rng.uniform(0.3, 0.7)) :] = second
    return out


def blend(picture: np.ndarray, x: int, y: int, mask: np.ndarray, colours: np.ndarray | Colour, opacity: float = 1) -> None:
    """Paints in place; `mask` is uint8 [h,w] and may reach beyond the picture."""
    height, width = mask.shape
    left, top = max(0, x), max(0, y)
    right, bottom = min(picture.shape[1], x + width), min(picture.shape[0], y + height)
    if right <= left or bottom <= top:
        return
    part = picture[top:bottom, left:right]
    alpha = mask[top - y : bottom - y, left - x : right - x, None].astype(np.float32) * (opacity / 255)
    if colours.ndim == 3:
        colours = colours[top - y : bottom - y, left - x : right - x]
    part[:] = (part + (colours - part) * alpha).astype(picture.dtype)


def resized(mask: np.ndarray, size: int) -> np.ndarray:
    if mask.shape[0] == size:
        return np.ascontiguousarray(mask)
    way = cv2.INTER_AREA if size < mask.shape[0] else cv2.INTER_LINEAR
    return cv2.resize(np.ascontiguousarray(mask), (size, size), interpolation=way)
