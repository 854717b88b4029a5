"""Pictures with marks on things, and the truth about them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from backgrounds import background
from degrade import degrade
from marks import MarkBank
from sheets import Pick, Sheet, mean_colour, sheet_with_marks, without_marks


@dataclass
class Scene:
    """BGR uint8 picture; boxes float32 [n,4] x1,y1,x2,y2 px around what is visible; `seen`: visible share 0..1."""

    picture: np.ndarray
    boxes: np.ndarray
    classes: np.ndarray
    seen: np.ndarray


def _bend(rng: np.random.Generator, sheet: Sheet) -> Sheet:
    """Cylinder, folds or curl, with their shading, in the sheet's own plane."""
    height, width = sheet.alpha.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    if sheet.bend == "cylinder":
        reach = rng.uniform(0.75, 0.97)
        across = (x - (width - 1) / 2) / (width / 2)
        map_x = (width - 1) / 2 + np.arcsin(across * reach) / np.arcsin(reach) * (width / 2)
        map_y = y + (1 - np.sqrt(np.clip(1 - (across * reach) ** 2, 0, 1))) * height * rng.uniform(-0.12, 0.05)
        light = np.clip(1.1 - 0.55 * np.abs(across - rng.uniform(-0.5, 0.5)), 0.3, 1.2)
        shine = np.exp(-(((across - rng.uniform(-0.6, 0.6)) / 0.08) ** 2)) * rng.uniform(0, 60)
    else:
        waves = 3 if sheet.bend == "folds" else 1
        dx, dy, light = np.zeros_like(x), np.zeros_like(x), np.ones_like(x)
        for _ in range(waves):
            angle, period = rng.uniform(0, 6.3), rng.uniform(0.35, 1.2) * max(height, width)
            phase = (np.cos(angle) * x + np.sin(angle) * y) * 6.283 / period + rng.uniform(0, 6.3)
            strength = rng.uniform(0.01, 0.05) * period / waves
            wave = np.sin(phase)
            dx += strength * wave * np.cos(angle)
            dy += strength * wave * np.sin(angle)
            light += rng.uniform(0.05, 0.22) * np.cos(phase)
        map_x, map_y, shine = x + dx, y + dy, 0.0
    map_x, map_y = map_x.astype(np.float32), map_y.astype(np.float32)

    def remap(image: np.ndarray, way: int) -> np.ndarray:
        return cv2.remap(image, map_x, map_y, way, borderMode=cv2.BORDER_REPLICATE)

    colour = remap(sheet.colour, cv2.INTER_LINEAR) * light[..., None]
    if not np.isscalar(shine):
        colour += shine[..., None]
    ids = remap(sheet.ids, cv2.INTER_NEAREST)
    return Sheet(np.clip(colour, 0, 255).astype(np.uint8), remap(sheet.alpha, cv2.INTER_LINEAR), ids, sheet.classes)


def _warp_onto(
    rng: np.random.Generator, picture: np.ndarray, ids: np.ndarray, sheet: Sheet, centre: tuple[float, float], first: int, tilt: float
) -> list[int]:
    """Puts a sheet onto the picture in perspective; returns each mark's whole area in px."""
    if sheet.bend:
        sheet = _bend(rng, sheet)
    height, width = sheet.alpha.shape
    degrees = rng.uniform(-1, 1) * (8 if rng.random() < 0.5 else 25) if rng.random() < 0.95 else rng.uniform(-180, 180)
    turn = np.deg2rad(degrees)
    corners = np.array([[-width, -height], [width, -height], [width, height], [-width, height]], np.float32) / 2
    if rng.random() < 0.6:
        corners = corners * (1 + rng.uniform(-tilt, tilt, (4, 2)).astype(np.float32))
    corners = corners @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]], np.float32)
    corners += np.array(centre, np.float32)
    low = np.maximum(np.floor(corners.min(0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(corners.max(0)).astype(int) + 2, [picture.shape[1], picture.shape[0]])
    if (high <= low).any():
        return [0] * len(sheet.classes)
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) - 0.5
    matrix = cv2.getPerspectiveTransform(source, (corners - low).astype(np.float32))
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    colour = cv2.warpPerspective(sheet.colour, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpPerspective(sheet.alpha, matrix, size, flags=cv2.INTER_LINEAR)
    part = picture[low[1] : high[1], low[0] : high[0]]
    if rng.random() < 0.25 and sheet.alpha.mean() > 100:  # shadow behind
        shadow = cv2.blur(alpha, (9, 9))
        part[:] = (part * (1 - np.roll(shadow, 5, 0)[..., None] * (0.5 / 255))).astype(np.uint8)
    share = alpha[..., None].astype(np.float32) / 255
    part[:] = (part + (colour.astype(np.float32) - part) * share).astype(np.uint8)
    whole = []
    view = ids[low[1] : high[1], low[0] : high[0]]
    view[alpha > 127] = -1
    if sheet.classes:
        warped = cv2.warpPerspective(sheet.ids, matrix, size, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=-1)
        scale = abs(np.linalg.det(matrix[:2, :2]))
        for index in range(len(sheet.classes)):
            whole.append(int((sheet.ids == index).sum() * scale))
            view[warped == index] = first + index
    return whole


def _occlude(rng: np.random.Generator, picture: np.ndarray, ids: np.ndarray, at: tuple[float, float], size: float) -> None:
    """A finger, a hand or a bar in front of a mark."""
    height, width = ids.shape
    mask = np.zeros((height, width), np.uint8)
    angle = rng.uniform(0, 6.3)
    near = (at[0] + np.cos(angle) * size * 0.55, at[1] + np.sin(angle) * size * 0.55)
    far = (near[0] + np.cos(angle) * size * 2, near[1] + np.sin(angle) * size * 2)
    thick = max(2, int(size * rng.uniform(0.15, 0.5)))
    cv2.line(mask, (int(near[0]), int(near[1])), (int(far[0]), int(far[1])), 255, thick, cv2.LINE_AA)
    tone = rng.uniform(0.3, 1.0)
    colour = np.array([120, 150, 205]) * tone if rng.random() < 0.6 else rng.integers(0, 256, 3)
    share = mask[..., None].astype(np.float32) / 255
    shade = rng.normal(1, 0.04, (height, 1, 1)).astype(np.float32)
    picture[:] = np.clip(picture + (colour * shade - picture) * share, 0, 255).astype(np.uint8)
    ids[mask > 127] = -1


def mark_size(rng: np.random.Generator, low: float, high: float) -> int:
    return int(round(float(np.exp(rng.uniform(np.log(low), np.log(high))))))


def clean_scene(
    rng: np.random.Generator,
    bank: MarkBank,
    backs: np.ndarray,
    pick: Pick,
    height: int,
    width: int,
    sizes: tuple[float, float] = (14, 400),
    carriers: int | None = None,
    negatives: int | None = None,
) -> Scene:
    """A scene before the camera. `sizes`: px of the marks' longer side before perspective, log-uniform."""
    picture = background(rng, backs, height, width)
    ids = np.full((height, width), -1, np.int16)
    classes: list[int] = []
    whole: list[int] = []
    if carriers is None:
        carriers = int(rng.choice([0, 1, 2, 3, 4, 6], p=[0.16, 0.28, 0.22, 0.16, 0.1, 0.08]))
    if negatives is None:
        negatives = int(rng.choice([0, 1, 2, 4, 7], p=[0.3, 0.2, 0.2, 0.2, 0.1]))
    order = [True] * carriers + [False] * negatives
    rng.shuffle(order)
    for marked in order:
        size = min(mark_size(rng, *sizes), int(height * 0.95))
        margin = 0.3 * size
        x, y = rng.uniform(margin, width - margin), rng.uniform(margin, height - margin)
        around = picture[max(0, int(y - size / 2)) : int(y + size / 2) + 1, max(0, int(x - size / 2)) : int(x + size / 2) + 1]
        behind = mean_colour(around[:: max(1, size // 16), :: max(1, size // 16)])
        make = sheet_with_marks(rng, bank, pick, size, behind) if marked else without_marks(rng, bank, size, behind)
        whole += _warp_onto(rng, picture, ids, make, (x, y), len(classes), 0.16)
        classes += make.classes
        if marked and rng.random() < 0.13:
            _occlude(rng, picture, ids, (x, y), size)
    boxes, kept, seen = [], [], []
    for index, class_ in enumerate(classes):
        rows = np.where((ids == index).any(1))[0]
        if len(rows) == 0:
            continue
        inside = ids[rows[0] : rows[-1] + 1] == index
        columns = np.where(inside.any(0))[0]
        boxes.append([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
        kept.append(class_)
        seen.append(min(1.0, inside.sum() / max(1, whole[index])))
    return Scene(picture, np.array(boxes, np.float32).reshape(-1, 4), np.array(kept, np.int32), np.array(seen, np.float32))


def training_scene(rng: np.random.Generator, bank: MarkBank, backs: np.ndarray, pick: Pick, height: int, width: int) -> Scene:
    scene = clean_scene(rng, bank, backs, pick, height, width)
    scene.picture = degrade(rng, scene.picture, compressed=0.5)
    return scene
