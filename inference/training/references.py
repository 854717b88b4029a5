"""Clean reference views of marks: what a gallery is made of. The README states the same recipe for TypeScript."""

from __future__ import annotations

import cv2
import numpy as np

from paint import hex_colour, luma
from paths import crop_margin, crop_size

# Greys of the first two views, 0..255: dark on light, light on dark.
light_grey, dark_grey = 245, 20


def reference_alpha(mask: np.ndarray, size: int = crop_size) -> np.ndarray:
    """uint8 [size,size]: a trimmed square mask in the middle of a crop, its longer side 1 / (1 + 2 * margin) of it."""
    side = size / (1 + 2 * crop_margin)
    factor = side / mask.shape[0]
    shrunk = mask
    while factor < 0.6:  # halved by averaging while that leaves at least what is needed
        shrunk = cv2.resize(np.ascontiguousarray(shrunk), (shrunk.shape[1] // 2, shrunk.shape[0] // 2), interpolation=cv2.INTER_AREA)
        factor *= 2
    step = 1 / factor
    offset = (shrunk.shape[0] - size * step) / 2 + step / 2 - 0.5
    matrix = np.array([[step, 0, offset], [0, step, offset]], np.float32)
    return cv2.warpAffine(np.ascontiguousarray(shrunk), matrix, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def paint(alpha: np.ndarray, mark: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """float32 [size,size,3]: a colour over another one by alpha."""
    share = alpha[..., None].astype(np.float32) / 255
    return ground + (mark - ground) * share


def reference_views(mask: np.ndarray, hex_text: str) -> np.ndarray:
    """float32 [3,64,64,3] BGR 0..255: dark on light, light on dark, own colour on the ground it stands out from."""
    alpha = reference_alpha(mask)
    light, dark = np.full(3, light_grey, np.float32), np.full(3, dark_grey, np.float32)
    own = hex_colour(hex_text)
    return np.stack([paint(alpha, dark, light), paint(alpha, light, dark), paint(alpha, own, light if luma(own) < 150 else dark)])
