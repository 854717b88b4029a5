"""The bank of marks: alpha masks of every brand icon, of drawn marks, of outline icons and of pieces of text.

Masks are uint8 [n, mask_size, mask_size], cut to their content and centred with no margin on the longer side. They are
made once into the cache folder and memory-mapped by every process.
"""

from __future__ import annotations

import hashlib
import json
import re
from copy import copy
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from drawn import draw_mark
from fetch import fetch_package
from paths import cache_folder, split_file
from svgpath import fill, flatten, stroke
from words import text_strips

mask_size = 256
drawn_count = 4000
test_count = 600
validation_count = 150


@dataclass(frozen=True)
class Brand:
    slug: str
    title: str
    hex: str
    path: str


def brands() -> list[Brand]:
    """Every icon of simple-icons in the order of its data file."""
    folder = fetch_package("simple-icons")
    found = []
    for entry in json.loads((folder / "data" / "simple-icons.json").read_text("utf8")):
        file = folder / "icons" / (entry["slug"] + ".svg")
        path = re.search(r' d="([^"]+)"', file.read_text("utf8"))
        if path:
            found.append(Brand(entry["slug"], entry["title"], entry["hex"], path.group(1)))
    return found


def split_of(slugs: list[str], seed: str = "framelock-brands-1") -> dict[str, list[str]]:
    """Seeded split by hash: `test` brands are seen neither in training nor in any choice; `validation` steers it."""
    order = sorted(slugs, key=lambda slug: hashlib.sha256(f"{seed}:{slug}".encode()).hexdigest())
    return {
        "test": sorted(order[:test_count]),
        "validation": sorted(order[test_count : test_count + validation_count]),
        "train": sorted(order[test_count + validation_count :]),
    }


def fit(mask: np.ndarray, size: int = mask_size) -> np.ndarray:
    """The mask's content scaled so that its longer side is `size`, centred."""
    rows, columns = np.where(mask.max(1) > 40)[0], np.where(mask.max(0) > 40)[0]
    if len(rows) == 0 or len(columns) == 0:
        return np.zeros((size, size), np.uint8)
    mask = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = size / max(mask.shape)
    height, width = (max(2, round(side * scale)) for side in mask.shape)
    mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    out = np.zeros((size, size), np.uint8)
    out[(size - height) // 2 : (size - height) // 2 + height, (size - width) // 2 : (size - width) // 2 + width] = mask
    return out


def brand_mask(path: str, size: int = mask_size) -> np.ndarray:
    """The trimmed mask of one icon path of 24x24 units."""
    return fit(fill(flatten(path), size + 32), size)


def turned(mask: np.ndarray, turn: int) -> np.ndarray:
    """0 as is, 1 mirrored, 2 upside down, 3 a quarter turn: other designs, as far as a learner is concerned."""
    return (mask, mask[:, ::-1], mask[::-1, ::-1], np.rot90(mask))[turn]


class MarkBank:
    """Masks and classes. A class is (mask, turn): a turned mask that looks different is a class of its own."""

    def __init__(self) -> None:
        folder = cache_folder / "masks"
        if not (folder / "index.json").exists():
            render_cache(folder)
        index = json.loads((folder / "index.json").read_text("utf8"))
        self.brands = [Brand(*row) for row in index["brands"]]
        self.by_slug = {brand.slug: row for row, brand in enumerate(self.brands)}
        self.brand_masks = np.load(folder / "brands.npy", mmap_mode="r")
        self.drawn_masks = np.load(folder / "drawn.npy", mmap_mode="r")
        self.icon_masks = np.load(folder / "icons.npy", mmap_mode="r")
        self.text_masks = np.load(folder / "text.npy", mmap_mode="r")
        split = json.loads(split_file.read_text("utf8"))
        self.rows = {name: [self.by_slug[slug] for slug in split[name]] for name in ("test", "validation", "train")}
        self.classes: list[tuple[int, int]] = [(row, 0) for row in self.rows["train"]]
        self.plain_classes = len(self.classes)
        self.classes += [(row, turn) for row, turn in index["turns"] if row in set(self.rows["train"])]
        drawn_from = len(self.brands)
        self.classes += [(drawn_from + row, 0) for row in range(len(self.drawn_masks))]

    def of_rows(self, rows: list[int]) -> "MarkBank":
        """The same bank with the given brands, unturned, as its only classes (validation, test)."""
        other = copy(self)
        other.classes = [(row, 0) for row in rows]
        other.plain_classes = len(other.classes)
        return other

    def mask(self, row: int, turn: int = 0) -> np.ndarray:
        count = len(self.brands)
        mask = self.brand_masks[row] if row < count else self.drawn_masks[row - count]
        return turned(np.asarray(mask), turn)

    def hex(self, row: int) -> str | None:
        return self.brands[row].hex if row < len(self.brands) else None


def _distinct_turns(mask: np.ndarray, row: int) -> list[list[int]]:
    """Which turned versions differ clearly from the mask and from each other."""
    small = cv2.resize(mask, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    kept = [small]
    turns = []
    for turn in (1, 2, 3):
        other = turned(small, turn)
        if all(np.minimum(a, other).sum() / max(1.0, np.maximum(a, other).sum()) < 0.72 for a in kept):
            kept.append(other)
            turns.append([row, turn])
    return turns


def render_cache(folder: Path) -> None:
    """Rasterises everything once (about two minutes on one core)."""
    folder.mkdir(parents=True, exist_ok=True)
    every = brands()
    masks = np.stack([brand_mask(brand.path) for brand in every])
    np.save(folder / "brands.npy", masks)
    turns = [turn for row, mask in enumerate(masks) for turn in _distinct_turns(mask, row)]
    drawn = np.stack([fit(draw_mark(np.random.default_rng([7, k]), mask_size)) for k in range(drawn_count)])
    np.save(folder / "drawn.npy", drawn)
    nodes = json.loads((fetch_package("tabler-icons") / "tabler-nodes-outline.json").read_text("utf8"))
    names = sorted(nodes, key=lambda name: hashlib.sha256(name.encode()).hexdigest())[:1500]
    icons = [[a["d"] for tag, a in nodes[name] if tag == "path" and "d" in a] for name in names]
    np.save(folder / "icons.npy", np.stack([fit(stroke(paths, 160), 128) for paths in icons if paths]))
    np.save(folder / "text.npy", text_strips(np.random.default_rng(11), 3000))
    if not split_file.exists():
        split_file.write_text(json.dumps(split_of([brand.slug for brand in every]), indent=0) + "\n", "utf8")
    index = {"brands": [[b.slug, b.title, b.hex, b.path] for b in every], "turns": turns}
    (folder / "index.json").write_text(json.dumps(index), "utf8")
