"""Where the training finds and keeps things. Nothing below .cache is ever committed."""

from __future__ import annotations

import os
from pathlib import Path

training_folder = Path(__file__).resolve().parent
repository_folder = training_folder.parent.parent
model_folder = training_folder.parent / "models" / "brands"
cache_folder = Path(os.environ.get("BRANDS_CACHE", training_folder / ".cache"))
runs_folder = Path(os.environ.get("BRANDS_RUNS", cache_folder / "runs"))
split_file = Path(os.environ.get("BRANDS_SPLIT", training_folder / "split.json"))

# Test assets of the workplace: training input only. `FRAMELOCK_ASSETS` is the folder that holds videos/ and images/.
assets_folder = Path(os.environ.get("FRAMELOCK_ASSETS", repository_folder.parent / "shared" / "assets"))

# Clips whose frames are training backgrounds; the others are looked at by evaluate.py only.
training_clips = (
    "traffic_intersection_360p.mp4",
    "dashcam_cars_720p.mp4",
    "person_one_by_one_432p.mp4",
    "bottles_360p.mp4",
    "face_thumb_720p.mp4",
)
held_out_clips = (
    "webcam_person_book_480p.mkv",
    "person_dog_720p.mp4",
    "pedestrians_overhead_720p.mp4",
    "cars_topdown_432p.mp4",
)

input_width = 640
input_height = 384
embedding_dim = 128
crop_size = 64
# The crop is a square around the box: its longer side, widened by this share on every side.
crop_margin = 0.12
mark_count = 16
