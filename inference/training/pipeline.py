"""Clips through the product's own decoder, scaler and runtime: `detectClips.ts`, a child in Node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from paths import embedding_dim, mark_count, repository_folder, training_folder


def _node() -> str:
    """The Node that the product runs on, else whichever is there (24 or later: it has to read TypeScript)."""
    own = repository_folder / "node_modules" / ".bin" / "node"
    found = os.environ.get("NODE") or (str(own) if own.exists() else shutil.which("node"))
    if not found:
        raise RuntimeError("no Node found: run `npm start` once, or set NODE")
    return found


def detect_clips(model_file: Path, clips: list[tuple[str, list[bytes]]]) -> tuple[np.ndarray, np.ndarray]:
    """Of each clip's last picture: detections [n,K,6] by falling score, embeddings [n,K,128]. A clip: codec and packets."""
    with tempfile.TemporaryDirectory(prefix="brands-clips-") as name:
        folder = Path(name)
        index = [{"codec": codec, "packetBytes": [len(packet) for packet in packets]} for codec, packets in clips]
        (folder / "clips.json").write_text(json.dumps(index), "utf8")
        with open(folder / "clips.bin", "wb") as out:
            for _, packets in clips:
                out.writelines(packets)
        subprocess.run([_node(), str(training_folder / "detectClips.ts"), str(model_file), name], check=True)
        rows = np.fromfile(folder / "rows.bin", np.float32).reshape(len(clips), mark_count, 6 + embedding_dim)
    return rows[..., :6], rows[..., 6:]
