"""Flat things that carry marks: nothing at all, badges, print, phone screens, mugs, cloth; and things without marks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable

import cv2
import numpy as np

from marks import MarkBank
from paint import Colour, blend, contrasting, fill_of, luma, mark_colours, random_colour, resized

# A class index for a new mark.
Pick = Callable[[np.random.Generator], int]


@dataclass
class Sheet:
    """BGR uint8 [h,w,3], alpha uint8 [h,w] and ids int16 [h,w]: index into `classes` where a mark is, else -1."""

    colour: np.ndarray
    alpha: np.ndarray
    ids: np.ndarray
    classes: list[int] = field(default_factory=list)
    bend: str = ""


def blank(rng: np.random.Generator, height: int, width: int, colour: Colour, alpha: int) -> Sheet:
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = colour.clip(0, 255).astype(np.uint8)
    return Sheet(picture, np.full((height, width), alpha, np.uint8), np.full((height, width), -1, np.int16))


def put_mark(rng: np.random.Generator, sheet: Sheet, bank: MarkBank, index: int, size: int, x: int, y: int, behind: Colour) -> None:
    """Paints class `index` with its longer side `size` px at the top left corner x, y."""
    row, turn = bank.classes[index]
    mask = resized(bank.mask(row, turn), size)
    colour = mark_colours(rng, bank.hex(row), behind)
    opacity = 1.0 if rng.random() < 0.85 else rng.uniform(0.6, 1.0)
    blend(sheet.colour, x, y, mask, fill_of(rng, mask, colour, behind), opacity)
    if not sheet.alpha.all():
        part = sheet.alpha[y : y + size, x : x + size]
        np.maximum(part, mask[: part.shape[0], : part.shape[1]], out=part)
    part = sheet.ids[y : y + size, x : x + size]
    part[mask[: part.shape[0], : part.shape[1]] > 100] = len(sheet.classes)
    sheet.classes.append(index)


def put_text(rng: np.random.Generator, sheet: Sheet, bank: MarkBank, x: int, y: int, height: int, width: int, behind: Colour) -> None:
    """A strip of text, cut at `width`."""
    strip = np.asarray(bank.text_masks[int(rng.integers(len(bank.text_masks)))])
    wide = max(4, round(strip.shape[1] * height / strip.shape[0]))
    mask = cv2.resize(strip, (wide, max(4, height)), interpolation=cv2.INTER_AREA)[:, : max(1, width)]
    blend(sheet.colour, x, y, mask, contrasting(rng, behind, 50))
    top, left = max(0, y), max(0, x)
    part = sheet.alpha[top : y + height, left : left + mask.shape[1]]
    np.maximum(part, mask[: part.shape[0], : part.shape[1]], out=part)


def _rounded(height: int, width: int, radius: float) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    r = int(min(radius, height / 2 - 1, width / 2 - 1))
    cv2.rectangle(mask, (r, 0), (width - 1 - r, height - 1), 255, -1)
    cv2.rectangle(mask, (0, r), (width - 1, height - 1 - r), 255, -1)
    for x in (r, width - 1 - r):
        for y in (r, height - 1 - r):
            cv2.circle(mask, (x, y), r, 255, -1, cv2.LINE_AA)
    return mask


def bare(rng: np.random.Generator, bank: MarkBank, pick: Pick, size: int, behind: Colour) -> Sheet:
    """A mark straight on what is behind, sometimes with words beside or below it."""
    words = rng.random() < 0.3
    height = size + 4 + (int(size * 0.5) if words else 0)
    width = size + 4 + (int(size * rng.uniform(1, 3)) if words else 0)
    sheet = blank(rng, height, min(width, 900), contrasting(rng, behind, 45), 0)
    put_mark(rng, sheet, bank, pick(rng), size, 2, 2, behind)
    if words and rng.random() < 0.6:
        tall = max(6, int(size * rng.uniform(0.3, 0.7)))
        put_text(rng, sheet, bank, size + int(size * 0.18) + 3, 2 + (size - tall) // 2, tall, width - size, behind)
    elif words:
        put_text(rng, sheet, bank, 2, size + 4, int(size * 0.3) + 3, width, behind)
    return sheet


def badge(rng: np.random.Generator, bank: MarkBank, pick: Pick, size: int, behind: Colour) -> Sheet:
    """A mark on a disc, square or app tile."""
    side = max(size + 4, int(size / rng.uniform(0.45, 0.85)))
    colour = contrasting(rng, behind, 25)
    sheet = blank(rng, side, side, colour, 0)
    shape = rng.random()
    if shape < 0.35:
        cv2.circle(sheet.alpha, (side // 2, side // 2), side // 2 - 1, 255, -1, cv2.LINE_AA)
    else:
        sheet.alpha[:] = _rounded(side, side, side * (0.02 if shape < 0.5 else rng.uniform(0.08, 0.3)))
    if rng.random() < 0.25:
        blend(sheet.colour, 0, 0, sheet.alpha, fill_of(rng, sheet.alpha, colour, colour), 0.3)
    alpha = sheet.alpha.copy()
    put_mark(rng, sheet, bank, pick(rng), size, (side - size) // 2, (side - size) // 2, colour)
    sheet.ids[alpha < 100] = -1
    sheet.alpha = alpha
    return sheet


def _filled(rng: np.random.Generator, sheet: Sheet, bank: MarkBank, pick: Pick, size: int, colour: Colour) -> None:
    """One mark or several, and text where there is room."""
    height, width = sheet.alpha.shape
    free_x, free_y = max(1, width - size), max(1, height - size)
    x, y = int(free_x * rng.uniform(0.2, 0.8)), int(free_y * rng.uniform(0.1, 0.7))
    for _ in range(int(rng.integers(0, 6))):
        tall = int(rng.uniform(0.12, 0.45) * size) + 5
        tx, ty = int(rng.integers(0, max(1, width // 2))), int(rng.integers(0, height))
        if ty + tall < y or ty > y + size:
            put_text(rng, sheet, bank, tx, ty, tall, width - tx, colour)
    put_mark(rng, sheet, bank, pick(rng), size, x, y, colour)
    if rng.random() < 0.25 and width > 2.3 * size:
        other = int(size * rng.uniform(0.5, 1))
        for ox in (x - other - 6, x + size + 6):
            if 0 <= ox and ox + other < width:
                put_mark(rng, sheet, bank, pick(rng), other, ox, y, colour)


def printed(rng: np.random.Generator, bank: MarkBank, pick: Pick, size: int, behind: Colour) -> Sheet:
    """Paper, a card, a box, a sign."""
    height, width = (max(size + 6, min(700, int(size * rng.uniform(1.15, 3.6)))) for _ in range(2))
    colour = random_colour(rng) if rng.random() < 0.5 else rng.uniform(215, 255, 3).astype(np.float32)
    sheet = blank(rng, height, width, colour, 255)
    _filled(rng, sheet, bank, pick, size, colour)
    sheet.bend = "curl" if rng.random() < 0.3 else ""
    return sheet


def phone(rng: np.random.Generator, bank: MarkBank, pick: Pick, size: int, behind: Colour) -> Sheet:
    """A screen with its bezel, glare and sometimes moiré: one mark, or a grid of app tiles."""
    grid = rng.random() < 0.35 and size < 90
    width = int(size * rng.uniform(1.3, 2.2)) + 8 if not grid else int(size * 1.7 * rng.integers(2, 5)) + 8
    width = max(width, size + 12)
    height = max(size + 16, min(720, int(width * rng.uniform(1.6, 2.15))))
    if rng.random() < 0.25:
        height, width = max(size + 16, int(width * 0.8)), max(size + 12, min(720, int(width * 1.4)))
    frame = np.full(3, rng.uniform(0, 60) if rng.random() < 0.8 else rng.uniform(160, 240), np.float32)
    sheet = blank(rng, height, width, frame, 255)
    sheet.alpha[:] = _rounded(height, width, width * rng.uniform(0.02, 0.16))
    rim = max(2, int(width * rng.uniform(0.015, 0.05)))
    colour = random_colour(rng) if rng.random() < 0.6 else np.full(3, rng.choice([8, 250]), np.float32)
    screen = _rounded(height - 2 * rim, width - 2 * rim, width * rng.uniform(0, 0.12))
    blend(sheet.colour, rim, rim, screen, fill_of(rng, screen, colour, colour) * 0.3 + colour * 0.7)
    alpha = sheet.alpha.copy()
    if grid:
        step = int(size * 1.7)
        for y in range(rim + size // 2, height - step, step):
            for x in range(rim + size // 3, width - int(size * 1.2), step):
                tile = contrasting(rng, colour, 20)
                pad = int(size * 0.2)
                blend(sheet.colour, x - pad, y - pad, _rounded(size + 2 * pad, size + 2 * pad, size * 0.3), tile)
                if rng.random() < 0.8:
                    put_mark(rng, sheet, bank, pick(rng), size, x, y, tile)
    else:
        _filled(rng, sheet, bank, pick, size, colour)
    if rng.random() < 0.4:
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        angle, period = rng.uniform(0, 6.3), rng.uniform(2.2, 9)
        warp = 3 * np.sin(x / width * rng.uniform(2, 9)) + 3 * np.sin(y / height * rng.uniform(2, 9))
        wave = np.sin((np.cos(angle) * x + np.sin(angle) * y + warp) * 6.283 / period)
        tint = rng.uniform(3, 22, 3)
        sheet.colour = np.clip(sheet.colour + wave[..., None] * tint, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        glare = np.zeros((height, width), np.uint8)
        x = int(rng.uniform(-0.3, 1) * width)
        slope = int(rng.uniform(0.2, 0.7) * width)
        wide = int(rng.uniform(0.1, 0.6) * width)
        cv2.fillPoly(glare, [np.array([[x, 0], [x + wide, 0], [x + wide - slope, height], [x - slope, height]])], 255)
        if rng.random() < 0.6:
            glare = cv2.blur(glare, (width // 6 + 1, width // 6 + 1))
        blend(sheet.colour, 0, 0, glare, np.full(3, 255, np.float32), rng.uniform(0.08, 0.45))
    sheet.alpha = alpha
    sheet.ids[alpha < 100] = -1
    return sheet


def mug(rng: np.random.Generator, bank: MarkBank, pick: Pick, size: int, behind: Colour) -> Sheet:
    """Print on a cylinder, lit from one side."""
    width = int(size * rng.uniform(1.3, 2.2)) + 4
    height = max(size + 6, int(size * rng.uniform(1.15, 2.2)))
    colour = random_colour(rng)
    sheet = blank(rng, min(height, 700), width, colour, 255)
    height = sheet.alpha.shape[0]
    put_mark(rng, sheet, bank, pick(rng), size, int((width - size) * rng.uniform(0.25, 0.75)), int((height - size) * rng.uniform(0.2, 0.8)), colour)
    sheet.bend = "cylinder"
    return sheet


def cloth(rng: np.random.Generator, bank: MarkBank, pick: Pick, size: int, behind: Colour) -> Sheet:
    """Print on folds."""
    height, width = (min(720, max(size + 6, int(size * rng.uniform(1.4, 3.2)))) for _ in range(2))
    colour = random_colour(rng)
    sheet = blank(rng, height, width, colour, 255)
    put_mark(rng, sheet, bank, pick(rng), size, int((width - size) * rng.uniform(0.3, 0.7)), int((height - size) * rng.uniform(0.2, 0.6)), colour)
    if rng.random() < 0.5:
        sheet.alpha[:] = 0
        cv2.ellipse(sheet.alpha, (width // 2, height // 2), (width // 2, height // 2), 0, 0, 360, 255, -1)
        sheet.ids[sheet.alpha < 100] = -1
    sheet.bend = "folds"
    return sheet


def without_marks(rng: np.random.Generator, bank: MarkBank, size: int, behind: Colour) -> Sheet:
    """Text, outline icons, plain shapes, a page of text, an empty phone: looks that are no mark."""
    kind = rng.random()
    if kind < 0.3:
        sheet = blank(rng, size, min(900, size * 5), contrasting(rng, behind, 45), 0)
        put_text(rng, sheet, bank, 0, 0, size, sheet.alpha.shape[1], behind)
    elif kind < 0.58:
        sheet = blank(rng, size, size, behind, 0)
        mask = resized(np.asarray(bank.icon_masks[int(rng.integers(len(bank.icon_masks)))]), size)
        blend(sheet.colour, 0, 0, mask, contrasting(rng, behind, 45))
        sheet.colour[:] = contrasting(rng, behind, 45).astype(np.uint8)
        sheet.alpha[:] = mask
    elif kind < 0.75:
        sheet = blank(rng, size, size, contrasting(rng, behind, 30), 0)
        middle = (size // 2, size // 2)
        shape = rng.integers(0, 5)
        thick = -1 if rng.random() < 0.6 else max(1, size // 12)
        if shape == 0:
            cv2.circle(sheet.alpha, middle, size // 2 - 1, 255, thick, cv2.LINE_AA)
        elif shape == 1:
            cv2.rectangle(sheet.alpha, (1, 1), (size - 2, int(size * rng.uniform(0.2, 1)) - 1), 255, thick)
        elif shape == 2:
            sheet.alpha[:] = _rounded(size, size, size * 0.2)
        elif shape == 3:
            cv2.ellipse(sheet.alpha, middle, (size // 2 - 1, max(2, int(size * rng.uniform(0.1, 0.45)))), 0, 0, 360, 255, thick, cv2.LINE_AA)
        else:
            corners = rng.uniform(0, size, (int(rng.integers(3, 5)), 2)).astype(np.int32)
            cv2.fillPoly(sheet.alpha, [corners], 255, cv2.LINE_AA)
    else:
        height, width = min(700, int(size * rng.uniform(1, 3)) + 8), min(700, int(size * rng.uniform(1, 3)) + 8)
        colour = random_colour(rng)
        sheet = blank(rng, height, width, colour, 255)
        tall = int(rng.uniform(7, 30))
        for y in range(2, height - tall, int(tall * rng.uniform(1.1, 1.8))):
            put_text(rng, sheet, bank, 4, y, tall, width - 8, colour)
        if rng.random() < 0.5:
            sheet.alpha[:] = _rounded(height, width, width * 0.1)
    return sheet


_kinds = (bare, badge, printed, phone, mug, cloth)
_shares = np.array([0.3, 0.14, 0.2, 0.18, 0.08, 0.1])


def sheet_with_marks(rng: np.random.Generator, bank: MarkBank, pick: Pick, size: int, behind: Colour) -> Sheet:
    return _kinds[int(rng.choice(len(_kinds), p=_shares))](rng, bank, pick, size, behind)


def mean_colour(picture: np.ndarray) -> Colour:
    return picture.reshape(-1, 3).mean(0).astype(np.float32) if picture.size else np.full(3, 128, np.float32)


__all__ = ["Pick", "Sheet", "luma", "mean_colour", "sheet_with_marks", "without_marks"]
