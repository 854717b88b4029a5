"""Measures brands.onnx in onnxruntime: finding, naming and false alarms; writes evaluation.json and the card's table."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from backgrounds import load_backgrounds
from evaluation_scenes import calls, letterbox, placed, test_pictures
from gallery import Model
from marks import MarkBank
from paths import assets_folder, embedding_dim, held_out_clips, model_folder, training_clips
from pipeline import detect_clips
from references import reference_views
from train_detector import average_precision, overlaps, suppressed

bands = {"16-32": (16, 32), "32-48": (32, 48), "48-64": (48, 64), "64-128": (64, 128), "128+": (128, 9999), ">=48": (48, 9999), ">=64": (64, 9999)}
gallery_size = 1000
# BrandNamer's: so far from the match threshold to 1 is a likeness that one picture is enough for.
certain_share = 0.4


def in_band(side: np.ndarray, band: tuple[float, float]) -> np.ndarray:
    return (side >= band[0]) & (side < band[1])


def gallery_of(model: Model, bank: MarkBank, rows: list[int]) -> np.ndarray:
    """[len(rows),3,128]: one clean reference mark per brand, its three views."""
    views = np.concatenate([reference_views(bank.mask(row), bank.hex(row) or "000000") for row in rows])
    return model.embed_views(views).reshape(len(rows), 3, embedding_dim)


def measure_marks(model: Model, bank: MarkBank, pictures: int, seed: int, thresholds: dict[str, float]) -> dict[str, object]:
    """AP50 and naming on test brands, by size in px of the model's input and of the picture."""
    test = bank.of_rows(bank.rows["test"])
    others = [row for row in range(len(bank.brands)) if row not in set(bank.rows["test"])][: gallery_size - len(bank.rows["test"])]
    gallery = gallery_of(model, bank, bank.rows["test"] + others)
    found: dict[str, list] = {"input": [], "picture": [], "whole": []}
    named: list[tuple[float, float, bool, float, bool]] = []  # input side, picture side, right, similarity, by a detected box
    whole: list[bool] = []  # of each named row: nothing of the mark is hidden or cut off
    by_call: dict[str, list] = {f"{c[0]} {c[1]}x{c[2]} {c[3] // 1000} kbit/s": [] for c in calls}
    shown = list(test_pictures(test, load_backgrounds(), pictures, seed))
    detections, embeddings = detect_clips(model.file, [(picture.call[0], picture.packets) for picture in shown])
    for picture, rows, vectors in zip(shown, detections, embeddings):
        scale, left, top = placed(*picture.call[1:3])
        order = np.argsort(-rows[:, 4], kind="stable")
        rows, vectors = rows[order], vectors[order]
        truth = picture.truth
        boxes = truth[:, :4] * scale + np.array([left, top, left, top], np.float32)
        side_input = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
        asked = (truth[:, 4] >= 0.5) & (side_input >= 8)
        kept = suppressed(rows, thresholds["nmsIou"])
        found["input"].append((kept, boxes, asked))
        in_picture = kept.copy()
        in_picture[:, :4] = (kept[:, :4] - np.array([left, top, left, top])) / scale
        found["picture"].append((in_picture, truth[:, :4], asked))
        found["whole"].append((kept, boxes, asked & (truth[:, 4] >= 0.95)))
        codec, width, height, bits = picture.call
        by_call[f"{codec} {width}x{height} {bits // 1000} kbit/s"].append((kept, boxes, asked))
        good = rows[:, 4] >= thresholds["scoreThreshold"]
        table = overlaps(rows[good], boxes) if len(boxes) and good.any() else np.zeros((0, len(boxes)))
        for k in range(len(boxes)):
            if not asked[k]:
                continue
            hit = len(table) > 0 and table[:, k].max() >= 0.5
            side = float(side_input[k])
            if hit:
                similar = (gallery @ vectors[good][int(table[:, k].argmax())]).max(1)
                best = int(similar.argmax())
                named.append((side, side / scale, best == int(truth[k, 5]), float(similar[best]), True))
            else:
                named.append((side, side / scale, False, 0.0, False))
            whole.append(truth[k, 4] >= 0.95)
    results: dict[str, object] = {"pictures": pictures, "galleryBrands": len(gallery), "references": "one mark per brand, 3 views"}
    table = np.array(named, np.float64)
    for kind, column in (("input", 0), ("picture", 1), ("whole", 0)):
        part = {}
        for name, band in bands.items():
            ap, wanted = average_precision(found[kind], *band)
            chosen = in_band(table[:, column], band) & (np.array(whole) if kind == "whole" else True)
            inside = table[chosen]
            detected = inside[inside[:, 4] > 0]
            matched = detected[:, 3] >= thresholds["matchThreshold"]
            part[name] = {
                "marks": wanted,
                "ap50": round(ap, 4),
                "ap30": round(average_precision(found[kind], *band, iou=0.3)[0], 4),
                "recall": round(float(inside[:, 4].mean()), 4) if len(inside) else None,
                "top1": round(float(detected[:, 2].mean()), 4) if len(detected) else None,
                "namedRight": round(float((detected[:, 2] * matched).mean()), 4) if len(detected) else None,
                "namedWrong": round(float(((1 - detected[:, 2]) * matched).mean()), 4) if len(detected) else None,
                "foundAndNamedRight": round(float((detected[:, 2] * matched).sum() / len(inside)), 4) if len(inside) else None,
            }
        results["wholeMarksBySideInInputPx" if kind == "whole" else f"bySideIn{kind.capitalize()}Px"] = part
    results["ap50From48InputPxByCall"] = {name: round(average_precision(rows, 48, 9999)[0], 4) for name, rows in by_call.items()}
    return results


def measure_boxes(model: Model, file: Path, least: float, every: int) -> tuple[list[tuple[np.ndarray, np.ndarray]], float]:
    """(rows [n,6], embeddings [n,128]) of every `every`-th frame, rows from score `least` on after NMS, and the clip's fps."""
    capture = cv2.VideoCapture(str(file))
    fps = capture.get(cv2.CAP_PROP_FPS) or 25.0
    frames = []
    number = 0
    while capture.grab():
        if number % every == 0:
            detections, embeddings = model.run(letterbox(capture.retrieve()[1])[None])
            order = np.argsort(-detections[0, :, 4], kind="stable")
            rows, vectors = detections[0][order], embeddings[0][order]
            rows, vectors = rows[rows[:, 4] >= least], vectors[rows[:, 4] >= least]
            kept = [int(np.abs(rows - row).sum(1).argmin()) for row in suppressed(rows, 0.5)] if len(rows) else []
            frames.append((rows[kept], vectors[kept]))
        number += 1
    return frames, fps


def measure_clip(model: Model, file: Path, gallery: np.ndarray, owners: np.ndarray, thresholds: dict[str, float], every: int) -> dict[str, float]:
    """False boxes of a clip without logos: a box that goes on (IoU >= 0.3 with one of the last half second) is the same.

    `named` counts boxes whose name a single picture would give; `shown`, of them, those that the product names: two
    pictures have to agree unless one is certain (BrandNamer). `owners`: the brand of each of the gallery's rows.
    """
    frames, fps = measure_boxes(model, file, thresholds["scoreThreshold"], every)
    memory = max(1.0, fps / 2 / every)
    match = thresholds["matchThreshold"]
    certain = match + certain_share * (1 - match)
    kinds = ("named", "shown", "unnamed")
    begun, frames_with = dict.fromkeys(kinds, 0), dict.fromkeys(kinds, 0)
    recent: list[tuple[int, np.ndarray, str, int]] = []
    for number, (rows, vectors) in enumerate(frames):
        seen_now = set()
        for row, vector in zip(rows, vectors):
            similar = gallery @ vector
            brand, best = int(owners[similar.argmax()]), float(similar.max())
            if best < match and row[4] < thresholds["unknownThreshold"]:
                continue
            same = [r for r in recent if overlaps(row[None], r[1][None])[0, 0] >= 0.3]
            now = ["named" if best >= match else "unnamed"]
            if best >= certain or (best >= match and any(r[2] == "named" and r[3] == brand and r[0] < number for r in same)):
                now.append("shown")
            for kind in now:
                seen_now.add(kind)
                begun[kind] += not any(r[2] == kind for r in same)
                recent.append((number, row, kind, brand))
        recent = [r for r in recent if number - r[0] <= memory]
        for kind in seen_now:
            frames_with[kind] += 1
    result = {"seconds": len(frames) * every / fps, "framesLookedAt": len(frames)}
    return result | {f"{k}FalseBoxes": begun[k] for k in kinds} | {f"{k}Frames": frames_with[k] for k in kinds}


def measure_false_alarms(model: Model, bank: MarkBank, thresholds: dict[str, float]) -> dict[str, object]:
    """On clips never trained on (every frame) and, by themselves, on those whose frames were backgrounds (every sixth)."""
    bundled = json.loads((model_folder / "gallery.json").read_text("utf8"))["brands"]
    parts = [np.frombuffer(base64.b64decode(b["embeddings"]), "<f4").reshape(-1, embedding_dim) for b in bundled]
    gallery, owners = np.concatenate(parts), np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    results: dict[str, object] = {}
    for name, clips, every in (("heldOutClips", held_out_clips, 1), ("trainingClips", training_clips, 6)):
        rows = {clip: measure_clip(model, assets_folder / "videos" / clip, gallery, owners, thresholds, every) for clip in clips if (assets_folder / "videos" / clip).exists()}
        minutes = sum(row["seconds"] for row in rows.values()) / 60
        results[name] = {
            "minutes": round(minutes, 3),
            **{f"{kind}PerMinute": round(sum(row[f"{kind}FalseBoxes"] for row in rows.values()) / max(minutes, 1e-9), 3) for kind in ("named", "shown", "unnamed")},
            "clips": {clip: {k: round(v, 2) for k, v in row.items()} for clip, row in rows.items()},
        }
    return results


def _band_rows(part: dict) -> list[str]:
    columns = ("ap50", "ap30", "recall", "top1", "namedRight", "namedWrong", "foundAndNamedRight")
    return [f"| {band} | {row['marks']} | " + " | ".join(f"{row[c] or 0:.3f}" for c in columns) + " |" for band, row in part.items()]


def card_table(results: dict) -> str:
    """The card's tables, as Markdown."""
    marks, lines = results["marks"], []
    for title, key in (
        ("longer side, px of the input", "bySideInInputPx"),
        ("the same, marks of which nothing is hidden", "wholeMarksBySideInInputPx"),
        ("longer side, px of the picture", "bySideInPicturePx"),
    ):
        lines += [f"| {title} | marks | AP50 | AP30 | found | top-1 of 1,000 | named right | named wrong | found and named right |", "|---|---|---|---|---|---|---|---|---|"]
        lines += [*_band_rows(marks[key]), ""]
    lines += ["| sent as | AP50 from 48 px of the input on |", "|---|---|"]
    lines += [f"| {name} | {ap:.3f} |" for name, ap in marks["ap50From48InputPxByCall"].items()]
    lines += ["", "| clips without logos | minutes | with a name in one picture, a minute | with a name in the product, a minute | unnamed, a minute |", "|---|---|---|---|---|"]
    for name, label in (("heldOutClips", "never trained on"), ("trainingClips", "frames were backgrounds in training")):
        row = results["falseBoxes"][name]
        lines.append(f"| {label} | {row['minutes']:.2f} | {row['namedPerMinute']:.2f} | {row['shownPerMinute']:.2f} | {row['unnamedPerMinute']:.2f} |")
    return "\n".join(lines)


def evaluate(pictures: int = 400, seed: int = 424242, folder: Path = model_folder) -> dict:
    cv2.setNumThreads(1)
    entry = json.loads((folder / "model.json").read_text("utf8"))
    thresholds = {key: entry[key] for key in ("scoreThreshold", "nmsIou", "unknownThreshold")} | {"matchThreshold": entry["embedding"]["matchThreshold"]}
    file, bank = folder / "brands.onnx", MarkBank()
    with ThreadPoolExecutor(2) as pool:  # a session each; most of the time is spent outside Python
        marks = pool.submit(measure_marks, Model(file), bank, pictures, seed, thresholds)
        alarms = pool.submit(measure_false_alarms, Model(file), bank, thresholds)
    results = {
        "modelSha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "seed": seed,
        "thresholds": thresholds,
        "runtime": "marks: our decoder, scaler and onnxruntime-node; clips without logos: OpenCV and onnxruntime in Python",
        "marks": marks.result(),
        "falseBoxes": alarms.result(),
    }
    (folder / "evaluation.json").write_text(json.dumps(results, indent=1) + "\n", "utf8")
    table = card_table(results)
    card = folder / "MODEL_CARD.md"
    if card.exists():
        text = re.sub(r"(<!-- evaluation -->\n).*?(\n<!-- /evaluation -->)", lambda m: m.group(1) + table + m.group(2), card.read_text("utf8"), flags=re.S)
        card.write_text(text, "utf8")
    print(table)
    return results
