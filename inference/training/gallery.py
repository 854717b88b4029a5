"""The bundled gallery: some hundred well-known marks with the embeddings of their clean views, made by brands.onnx itself."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import onnx.shape_inference
import onnx.utils
import onnxruntime

from export import crops_edge, embeddings_edge
from marks import MarkBank
from paths import crop_margin, crop_size, embedding_dim, input_height, input_width, model_folder, training_folder
from references import reference_views

names_file = training_folder / "gallery-slugs.txt"


class Model:
    """brands.onnx in onnxruntime, as the product runs it."""

    def __init__(self, file: Path, threads: int = 1) -> None:
        self.file = file
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        known = onnx.shape_inference.infer_shapes(onnx.load(str(file)))
        inner = onnx.utils.Extractor(known).extract_model([crops_edge], [embeddings_edge])
        self.embedder = onnxruntime.InferenceSession(inner.SerializeToString(), options, providers=["CPUExecutionProvider"])
        self.session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """float32 [n,3,384,640] -> detections [n,K,6], embeddings [n,K,128]."""
        detections, embeddings = self.session.run(["detections", "embeddings"], {"images": images, "query": np.zeros((1, 1, 4), np.float32)})
        return detections, embeddings

    def query(self, view: np.ndarray) -> np.ndarray:
        """[128] of one [64,64,3] BGR 0..255 view through the `query` input, as enrolment does it.

        The view stands pixel for pixel in the input's middle; the query box is the view without its margin, so that the
        model's own sampling gives back the view.
        """
        left, top = (input_width - crop_size) // 2, (input_height - crop_size) // 2
        inner = crop_size / (1 + 2 * crop_margin)
        low, high = (crop_size - inner) / 2, (crop_size + inner) / 2
        box = np.array([[[left + low, top + low, left + high, top + high]]], np.float32)
        images = np.empty((1, 3, input_height, input_width), np.float32)
        images[0] = (view[0, 0, ::-1] / 255)[:, None, None]
        images[0, :, top : top + crop_size, left : left + crop_size] = view[..., ::-1].transpose(2, 0, 1) / 255
        return self.session.run(["queryEmbedding"], {"images": images, "query": box})[0][0, 0]

    def embed_views(self, views: np.ndarray) -> np.ndarray:
        """[n,64,64,3] BGR 0..255 views -> [n,128], by the embedder alone, taken out of the file: what `query` gives, but
        without a pass of the detector per view. The first view is compared with `query`."""
        crops = np.ascontiguousarray(views[..., ::-1].transpose(0, 3, 1, 2), np.float32) / 255
        out = np.concatenate([self.embedder.run(None, {crops_edge: crops[k : k + 64]})[0] for k in range(0, len(crops), 64)])
        likeness = float(out[0] @ self.query(views[0]))
        if likeness < 0.9999:
            raise RuntimeError(f"the embedder alone and `query` differ: cosine {likeness}")
        return out


def write_gallery(folder: Path = model_folder) -> str:
    """Writes gallery.json beside the model."""
    file = folder / "brands.onnx"
    model, bank = Model(file), MarkBank()
    slugs = names_file.read_text("utf8").split()
    missing = [slug for slug in slugs if slug not in bank.by_slug]
    if missing:
        raise RuntimeError(f"not in simple-icons: {' '.join(missing)}")
    rows = [bank.by_slug[slug] for slug in slugs]
    views = np.concatenate([reference_views(bank.mask(row), bank.brands[row].hex) for row in rows])
    every = model.embed_views(views).reshape(len(rows), -1, embedding_dim)
    brands = []
    for slug, row, embeddings in zip(slugs, rows, every):
        brand = bank.brands[row]
        data = base64.b64encode(embeddings.astype("<f4").tobytes()).decode()
        brands.append({"slug": slug, "title": brand.title, "hex": brand.hex, "path": brand.path, "embeddings": data})
    content = {
        "about": "Made by inference/training/gallery.py from brands.onnx. Icons: simple-icons 16.37.0 (CC0-1.0); the marks are trademarks of their owners.",
        "modelSha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "dim": embedding_dim,
        "brands": brands,
    }
    lines = ",\n".join(json.dumps(brand, ensure_ascii=False) for brand in brands)
    head = json.dumps({key: value for key, value in content.items() if key != "brands"}, ensure_ascii=False)
    (folder / "gallery.json").write_text(head[:-1] + ', "brands": [\n' + lines + "\n]}\n", "utf8")
    return f"{len(brands)} brands in {folder / 'gallery.json'}"
