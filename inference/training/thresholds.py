"""Chooses the default thresholds on validation brands and training clips; nothing of the test looks in here."""

from __future__ import annotations

import base64
import json

import cv2
import numpy as np

from evaluate import measure_boxes
from gallery import Model
from marks import MarkBank
from paths import assets_folder, embedding_dim, model_folder, training_clips, training_folder
from render import shards_folder
from train_detector import overlaps, suppressed

thresholds_file = training_folder / "thresholds.json"
# At most this share of marks that no gallery brand is may be given a name.
most_wrong_names = 0.02
# Of the boxes from the score threshold on, this share is marks: a gallery's likeness alone lets clutter have names.
least_precision = 3 / 4
# Above the strongest false box that the training clips have too many of: other places have other clutter.
unknown_margin = 0.12
# False boxes that begin, a minute, on the training clips: with a name, and without one.
most_begun_a_minute = 0.5
lowest = 0.1


def choose(every: int = 6) -> dict[str, float]:
    """Writes thresholds.json and prints what it was chosen from."""
    model, bank = Model(model_folder / "brands.onnx"), MarkBank()
    bundled = json.loads((model_folder / "gallery.json").read_text("utf8"))["brands"]
    vectors = {b["slug"]: np.frombuffer(base64.b64decode(b["embeddings"]), "<f4").reshape(-1, embedding_dim) for b in bundled}
    validation = [bank.brands[row].slug for row in bank.rows["validation"]]
    strangers = np.concatenate([v for slug, v in vectors.items() if slug not in set(validation)])

    # Marks of validation brands, none of which is in this gallery: any name is wrong.
    scores, right, similar = [], [], []
    wanted = 0
    for file in sorted((shards_folder() / "scenes-validation").glob("*.npz")):
        with np.load(file) as shard:
            for k in range(len(shard["counts"])):
                picture = cv2.imdecode(shard["jpegs"][shard["offsets"][k] : shard["offsets"][k + 1]], cv2.IMREAD_COLOR)
                truth = shard["boxes"][k, : shard["counts"][k]]
                side = np.maximum(truth[:, 2] - truth[:, 0], truth[:, 3] - truth[:, 1])
                wanted += int(((truth[:, 4] >= 0.5) & (side >= 48)).sum())
                images = picture[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 255
                detections, embeddings = model.run(images)
                rows = suppressed(detections[0], 0.5)
                table = overlaps(rows, truth[:, :4]) if len(truth) else np.zeros((len(rows), 1))
                for index, row in enumerate(rows):
                    if max(row[2] - row[0], row[3] - row[1]) < 40 or row[4] < 0.05:
                        continue
                    vector = embeddings[0][int(np.abs(detections[0] - row).sum(1).argmin())]
                    scores.append(row[4])
                    right.append(table[index].max() >= 0.5)
                    similar.append((strangers @ vector).max())
    scores_, right_, similar_ = np.array(scores), np.array(right), np.array(similar)
    least_score = 0.95
    for level in np.arange(0.1, 0.8, 0.05).round(2)[::-1]:
        good = scores_ >= level
        precision = float(right_[good].mean()) if good.any() else 1.0
        print(f"score {level:.2f}: marks found {(right_ & good).sum() / wanted:.3f} precision {precision:.3f}")
        if precision >= least_precision:
            least_score = float(level)
    match = float(np.quantile(similar_[right_], 1 - most_wrong_names))

    # The best score of each false box that begins on clips without logos: all, and those with a name.
    begun: list[float] = []
    named: list[float] = []
    minutes = 0.0
    for clip in training_clips:
        file = assets_folder / "videos" / clip
        if not file.exists():
            continue
        frames, fps = measure_boxes(model, file, lowest, every)
        minutes += len(frames) * every / fps / 60
        for only_named, out in ((False, begun), (True, named)):
            alive: list[tuple[int, np.ndarray, float]] = []  # last seen, box, best score so far
            for number, (rows, embedded) in enumerate(frames):
                for row, vector in zip(rows, embedded):
                    if only_named and float((strangers @ vector).max()) < match:
                        continue
                    same = [k for k, a in enumerate(alive) if overlaps(row[None], a[1][None])[0, 0] >= 0.3]
                    if same:
                        alive[same[0]] = (number, row, max(alive[same[0]][2], float(row[4])))
                    else:
                        alive.append((number, row, float(row[4])))
                out += [a[2] for a in alive if number - a[0] > fps / 2 / every]
                alive = [a for a in alive if number - a[0] <= fps / 2 / every]
            out += [a[2] for a in alive]
    begun.sort(reverse=True)
    named.sort(reverse=True)
    allowed = int(most_begun_a_minute * minutes)

    def least(found: list[float]) -> float:
        """The lowest score that lets no more than the allowed number begin."""
        return found[allowed] + 0.01 if len(found) > allowed else 0.0

    print(f"{minutes:.2f} minutes of clips, false boxes from {lowest} on: {len(begun)}, strongest {[round(b, 2) for b in begun[:12]]}")
    print(f"of them with a name: {len(named)}, strongest {[round(b, 2) for b in named[:12]]}")
    chosen = {
        "scoreThreshold": round(max(least_score, least(named)), 3),
        "nmsIou": 0.5,
        "matchThreshold": round(match, 3),
        "unknownThreshold": round(min(0.95, max(least_score, least(begun) + unknown_margin)), 3),
    }
    thresholds_file.write_text(json.dumps(chosen, indent=2) + "\n", "utf8")
    print(json.dumps(chosen))
    return chosen
