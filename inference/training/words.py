"""Pieces of ordinary text as masks: what must not be taken for a mark."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from paths import cache_folder

strip_height, strip_width = 64, 320
_syllables = "an be co de ex fi gra hi in jo ka lo me ne or pa qui re so ta un ve wi yo za er ing tion al ment ly est".split()


def font_files() -> list[Path]:
    folders = [Path("/usr/share/fonts"), cache_folder / "fonts"]
    return sorted(file for folder in folders for ending in ("*.ttf", "*.otf") for file in folder.rglob(ending))


def _word(rng: np.random.Generator) -> str:
    kind = rng.random()
    if kind < 0.12:
        return str(rng.integers(0, 100000))
    if kind < 0.16:
        return f"{rng.integers(0, 24):02d}:{rng.integers(0, 60):02d}"
    word = "".join(rng.choice(_syllables, int(rng.integers(1, 4))))
    style = rng.random()
    return word.upper() if style < 0.25 else word.capitalize() if style < 0.6 else word


def text_strips(rng: np.random.Generator, count: int) -> np.ndarray:
    """uint8 [count,64,320]: one or more lines of words in the fonts at hand."""
    fonts = [f for f in font_files() if not any(x in f.name.lower() for x in ("math", "symbol", "icon"))]
    strips = np.zeros((count, strip_height, strip_width), np.uint8)
    for strip in strips:
        lines = int(rng.choice([1, 1, 2, 3, 4]))
        height = strip_height / lines
        image = Image.new("L", (strip_width, strip_height))
        draw = ImageDraw.Draw(image)
        file = fonts[int(rng.integers(len(fonts)))] if fonts else None
        points = max(8, int(height * 0.72))
        font = ImageFont.truetype(str(file), points) if file else ImageFont.load_default()
        for line in range(lines):
            words = " ".join(_word(rng) for _ in range(int(rng.integers(1, 3 + 3 * lines))))
            draw.text((2, line * height), words, 255, font=font)
        strip[:] = np.asarray(image)
    return strips
