"""The whole way at toy size: drawn marks and text instead of downloads, seconds of training, export, and checks.

Needs no network, no PyAV and no onnxruntime. The file is checked by onnx.checker and by reading its weights back.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path


def _toy_cache(cache: Path) -> None:
    """A mask cache of drawn marks that stand in for the brands, so that nothing is downloaded."""
    import numpy as np

    from drawn import draw_mark
    from marks import fit, mask_size
    from words import text_strips

    folder = cache / "masks"
    folder.mkdir(parents=True)
    masks = np.stack([fit(draw_mark(np.random.default_rng([9, k]), mask_size)) for k in range(60)])
    np.save(folder / "brands.npy", masks[:40])
    np.save(folder / "drawn.npy", masks[40:])
    np.save(folder / "icons.npy", np.stack([m[::2, ::2] for m in masks[:10]]))
    np.save(folder / "text.npy", text_strips(np.random.default_rng(1), 20))
    brands = [[f"toy{k}", f"Toy {k}", "3366cc", ""] for k in range(40)]
    (folder / "index.json").write_text(json.dumps({"brands": brands, "turns": [[k, 1] for k in range(14, 24)]}), "utf8")
    split = {"test": [f"toy{k}" for k in range(8)], "validation": [f"toy{k}" for k in range(8, 14)], "train": [f"toy{k}" for k in range(14, 40)]}
    (cache / "split.json").write_text(json.dumps(split), "utf8")
    np.save(cache / "backgrounds.npy", np.zeros((0, 432, 768, 3), np.uint8))


def smoke() -> int:
    """Prints one line of JSON last; 0 where everything held."""
    started = time.time()
    with tempfile.TemporaryDirectory(prefix="brands-smoke-") as name:
        folder = Path(name)
        os.environ["BRANDS_CACHE"] = str(folder)
        os.environ["BRANDS_RUNS"] = str(folder / "runs")
        os.environ["BRANDS_SPLIT"] = str(folder / "split.json")
        result = _run(folder)
    result["seconds"] = round(time.time() - started, 1)
    result["ok"] = not result["failed"]
    print(json.dumps(result), flush=True)
    return 0 if result["ok"] else 1


def _run(folder: Path) -> dict:
    _toy_cache(folder)
    import numpy as np
    import torch

    from backgrounds import load_backgrounds
    from marks import MarkBank
    from nets import Detector
    from render import render_shard
    from train_detector import train_detector
    from train_embedder import train_embedder
    from weights import averaged, export_runs, weights_of

    failed: list[str] = []
    bank, backs = MarkBank(), load_backgrounds()
    first = render_shard(bank, backs, "scenes", 0, count=16)
    with np.load(first) as shard:
        before = {key: shard[key].copy() for key in shard.files}
    first.unlink()
    with np.load(render_shard(bank, backs, "scenes", 0, count=16)) as shard:
        if any(not np.array_equal(before[key], shard[key]) for key in shard.files):
            failed.append("the same seed rendered other pictures")
    render_shard(bank, backs, "crops", 0, count=96)
    embedder = train_embedder(None, 16, False, batch=48, validate=False, log_every=4)
    detector = train_detector(None, 80, False, batch=4, validate=False, log_every=16)
    for what, losses in (("embedder", embedder), ("detector", detector)):
        if not losses["last"] < losses["first"]:
            failed.append(f"the {what}'s loss did not fall: {losses}")
    resumed = train_detector(None, 82, True, batch=4, validate=False, log_every=1)
    exported = export_runs(folder / "runs", folder / "model")
    again = weights_of(folder / "model" / "brands.onnx", "detector")
    net, back = averaged("detector", Detector(), folder / "runs"), Detector()
    back.load_state_dict(again)
    with torch.no_grad():
        x = torch.rand(1, 3, 128, 128)
        difference = float((net(x)[0] - back.eval()(x)[0]).abs().max())
    if difference > 0.05:
        failed.append(f"weights read back from the file compute something else: {difference}")
    return {"failed": failed, "embedder": embedder, "detector": detector, "resumed": resumed, "bytes": exported["bytes"], "readBack": difference}
