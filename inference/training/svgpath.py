"""SVG path data to an alpha mask: every command of SVG 1.1, flattened to polygons, filled by the nonzero rule."""

from __future__ import annotations

import math
import re

import cv2
import numpy as np

_arguments = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "A": 7, "Z": 0}
_number = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")

Point = complex


def _commands(d: str):
    """(command, arguments) in order; understands flags of arcs written without separators."""
    position = 0
    command = ""
    skip = re.compile(r"[\s,]*")
    while True:
        position = skip.match(d, position).end()
        if position >= len(d):
            return
        if d[position].isalpha():
            command = d[position]
            position += 1
            if command in "Zz":
                yield command, []
                continue
        elif command in "Zz":
            raise ValueError(f"number after Z at {position}")
        values: list[float] = []
        for index in range(_arguments[command.upper()]):
            position = skip.match(d, position).end()
            if command in "Aa" and index in (3, 4):
                values.append(float(d[position]))
                position += 1
            else:
                found = _number.match(d, position)
                if not found:
                    raise ValueError(f"number expected at {position} of path")
                values.append(float(found.group()))
                position = found.end()
        yield command, values
        if command == "M":
            command = "L"
        elif command == "m":
            command = "l"


def _arc(start: Point, rx: float, ry: float, degrees: float, large: bool, sweep: bool, end: Point, steps_per_unit: float):
    """Points of an elliptical arc after `start` (SVG 1.1 appendix F.6)."""
    if start == end:
        return []
    if rx == 0 or ry == 0:
        return [end]
    rx, ry = abs(rx), abs(ry)
    turn = complex(math.cos(math.radians(degrees)), math.sin(math.radians(degrees)))
    half = (start - end) / 2 / turn
    ratio = (half.real / rx) ** 2 + (half.imag / ry) ** 2
    if ratio > 1:
        rx, ry = rx * math.sqrt(ratio), ry * math.sqrt(ratio)
        ratio = 1.0
    factor = math.sqrt(max(0.0, 1 / ratio - 1)) * (-1 if large == sweep else 1)
    centre_turned = factor * complex(rx * half.imag / ry, -ry * half.real / rx)
    centre = centre_turned * turn + (start + end) / 2
    first = complex((half.real - centre_turned.real) / rx, (half.imag - centre_turned.imag) / ry)
    last = complex((-half.real - centre_turned.real) / rx, (-half.imag - centre_turned.imag) / ry)
    angle = math.atan2(first.imag, first.real)
    delta = math.atan2(last.imag, last.real) - angle
    if sweep and delta < 0:
        delta += 2 * math.pi
    if not sweep and delta > 0:
        delta -= 2 * math.pi
    steps = max(2, min(64, int(abs(delta) * max(rx, ry) * steps_per_unit) + 2))
    points = []
    for step in range(1, steps + 1):
        at = angle + delta * step / steps
        points.append(complex(rx * math.cos(at), ry * math.sin(at)) * turn + centre)
    points[-1] = end
    return points


def flatten(d: str, steps_per_unit: float = 3.0, least: int = 3) -> list[np.ndarray]:
    """The subpaths as polygons [n,2] in the path's own units; those of fewer than `least` points are left out."""
    polygons: list[list[Point]] = []
    current: list[Point] = []
    here = start = 0j
    control = here
    previous = ""

    def curve(points: list[Point]) -> list[Point]:
        length = sum(abs(b - a) for a, b in zip(points, points[1:]))
        steps = max(2, min(48, int(length * steps_per_unit) + 2))
        t = np.linspace(0, 1, steps + 1)[1:]
        if len(points) == 3:
            a, b, c = points
            values = (1 - t) ** 2 * a + 2 * (1 - t) * t * b + t**2 * c
        else:
            a, b, c, e = points
            values = (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * e
        return list(values)

    for command, v in _commands(d):
        name = command.upper()
        base = here if command.islower() else 0j
        if name == "M":
            if len(current) >= least:
                polygons.append(current)
            here = start = base + complex(v[0], v[1])
            current = [here]
        elif name == "Z":
            if len(current) >= least:
                polygons.append([*current, start])
            here = start
            current = [here]
        else:
            if name == "L":
                points = [base + complex(v[0], v[1])]
            elif name == "H":
                points = [complex((here.real if command == "h" else 0) + v[0], here.imag)]
            elif name == "V":
                points = [complex(here.real, (here.imag if command == "v" else 0) + v[0])]
            elif name in "CS":
                if name == "S":
                    first = 2 * here - control if previous in ("C", "S") else here
                    v = [0.0, 0.0, *v]
                else:
                    first = base + complex(v[0], v[1])
                control = base + complex(v[2], v[3])
                points = curve([here, first, control, base + complex(v[4], v[5])])
            elif name in "QT":
                if name == "T":
                    control = 2 * here - control if previous in ("Q", "T") else here
                    end = base + complex(v[0], v[1])
                else:
                    control = base + complex(v[0], v[1])
                    end = base + complex(v[2], v[3])
                points = curve([here, control, end])
            else:
                points = _arc(here, v[0], v[1], v[2], v[3] != 0, v[4] != 0, base + complex(v[5], v[6]), steps_per_unit)
            current.extend(points)
            if points:
                here = points[-1]
        previous = name
    if len(current) >= least:
        polygons.append(current)
    return [np.array([[p.real, p.imag] for p in polygon], np.float64) for polygon in polygons]


def fill(polygons: list[np.ndarray], size: int, view: float = 24.0, supersample: int = 2) -> np.ndarray:
    """uint8 [size,size] coverage of polygons in a view of `view` units, nonzero rule.

    The winding number is the sum over subpaths of their direction inside them: exact while no subpath crosses itself
    with the same sign twice, which icons do not.
    """
    large = size * supersample
    winding = np.zeros((large, large), np.int8)
    one = np.zeros((large, large), np.uint8)
    for polygon in polygons:
        x, y = polygon[:, 0], polygon[:, 1]
        area = float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))
        points = np.round((polygon * (large / view) - 0.5) * 16).astype(np.int32)
        low = np.clip(np.floor(points.min(0) / 16).astype(int) - 1, 0, large)
        high = np.clip(np.ceil(points.max(0) / 16).astype(int) + 2, 0, large)
        area_of_one = one[low[1] : high[1], low[0] : high[0]]
        if area_of_one.size == 0:
            continue
        area_of_one[:] = 0
        cv2.fillPoly(one, [points], 1, lineType=cv2.LINE_8, shift=4)
        part = winding[low[1] : high[1], low[0] : high[0]]
        part += (area_of_one if area >= 0 else -area_of_one.astype(np.int8)).astype(np.int8)
    covered = (winding != 0).astype(np.uint8) * 255
    return cv2.resize(covered, (size, size), interpolation=cv2.INTER_AREA)


def rasterise(d: str, size: int) -> np.ndarray:
    """uint8 [size,size] alpha of a 24x24 icon path."""
    return fill(flatten(d), size)


def stroke(paths: list[str], size: int, width: float = 2.0, view: float = 24.0) -> np.ndarray:
    """uint8 [size,size] coverage of paths drawn as round-ended lines (outline icons)."""
    large = size * 2
    canvas = np.zeros((large, large), np.uint8)
    lines = [
        np.round(line * (large / view) * 16).astype(np.int32) for d in paths for line in flatten(d, 3.0, least=2)
    ]
    cv2.polylines(canvas, lines, False, 255, max(1, round(width * large / view)), cv2.LINE_8, shift=4)
    return cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
