"""Trained weights to brands.onnx and back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from export import build, opset, save
from nets import ConvUnit, Detector, Embedder, Residual, parameter_count
from paths import crop_margin, crop_size, embedding_dim, input_height, input_width, mark_count, model_folder, runs_folder, training_folder

model_file = model_folder / "brands.onnx"
# Before thresholds.py has chosen.
first_thresholds = {"scoreThreshold": 0.25, "nmsIou": 0.5, "matchThreshold": 0.62, "unknownThreshold": 0.55}


def averaged(name: str, net: nn.Module, runs: Path = runs_folder) -> nn.Module:
    state = torch.load(runs / name / "state.pt", map_location="cpu")
    net.load_state_dict(state["average"])
    return net.eval()


def export_runs(runs: Path = runs_folder, folder: Path = model_folder) -> dict[str, object]:
    """The averaged weights of the last runs as brands.onnx with its model.json."""
    detector, embedder = averaged("detector", Detector(), runs), averaged("embedder", Embedder(), runs)
    file = folder / model_file.name
    chosen = training_folder / "thresholds.json"
    thresholds = json.loads(chosen.read_text("utf8")) if chosen.exists() else first_thresholds
    sha256 = save(build(detector, embedder), file)
    entry = {
        "id": "brands",
        "name": "Framelock brands",
        "task": "detect",
        "family": "brands",
        "licence": "Apache-2.0",
        "source": "our own, trained by inference/training",
        "file": file.name,
        "sha256": sha256,
        "sizeBytes": file.stat().st_size,
        "opset": opset,
        "parameters": parameter_count(detector) + parameter_count(embedder),
        "labels": ["brand mark"],
        "input": {
            "name": "images",
            "width": input_width,
            "height": input_height,
            "resize": "letterbox",
            "channels": "rgb",
            "mean": [0, 0, 0],
            "std": [255, 255, 255],
            "pad": 114,
        },
        "outputs": {
            "detections": ["batch", mark_count, 6],
            "embeddings": ["batch", mark_count, embedding_dim],
            "queryEmbedding": ["batch", 1, embedding_dim],
        },
        "scoreThreshold": thresholds["scoreThreshold"],
        "nmsIou": thresholds["nmsIou"],
        "unknownThreshold": thresholds["unknownThreshold"],
        "embedding": {
            "dim": embedding_dim,
            "matchThreshold": thresholds["matchThreshold"],
            "cropSize": crop_size,
            "cropMargin": crop_margin,
        },
    }
    (folder / "model.json").write_text(json.dumps(entry, indent=2) + "\n", "utf8")
    return {"file": str(file), "sha256": sha256, "bytes": entry["sizeBytes"], "parameters": entry["parameters"]}


def _units(prefix: str, net: nn.Module) -> list[tuple[str, ConvUnit]]:
    """Every ConvUnit with the name the export gave it."""
    found = []
    for key, child in net.named_children():
        name = f"{prefix}.{key}"
        if isinstance(child, ConvUnit):
            found.append((name, child))
        elif isinstance(child, (nn.Sequential, Residual)):
            found += _units(name, child)
    return found


def weights_of(file: Path, part: str) -> dict[str, Tensor]:
    """State of 'detector' or 'embedder' from an exported file, to go on training from.

    Batch norms were folded: each gets the statistics it sees on rendered pictures (noise where there are none) and the
    factors that undo them, so that the net computes what the file computes.
    """
    stored = {i.name: numpy_helper.to_array(i).astype(np.float32) for i in onnx.load(str(file)).graph.initializer}

    def tensor(name: str) -> Tensor:
        return torch.from_numpy(stored[name + ".half"].copy())

    net: nn.Module = Detector() if part == "detector" else Embedder()
    for name in ("heat_out", "box_out") if part == "detector" else ("out",):
        out = getattr(net, name)
        out.weight.data.copy_(tensor(f"{part}.{name}.weight").reshape(out.weight.shape))
        out.bias.data.copy_(tensor(f"{part}.{name}.bias"))
    handles = []
    for name, unit in _units(part, net):
        unit.conv.weight.data.copy_(tensor(name + ".weight"))
        bias = tensor(name + ".bias")

        def measure(norm: nn.BatchNorm2d, inputs: tuple[Tensor], bias: Tensor = bias) -> None:
            mean, var = inputs[0].mean((0, 2, 3)), inputs[0].var((0, 2, 3), unbiased=False)
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(var)
            norm.weight.data.copy_((var + norm.eps).sqrt())
            norm.bias.data.copy_(bias + mean)

        handles.append(unit.norm.register_forward_pre_hook(measure))
    with torch.no_grad():
        net.eval()(_example_inputs(part))
    for handle in handles:
        handle.remove()
    return net.state_dict()


def _example_inputs(part: str) -> Tensor:
    from render import shards_folder
    from train_detector import ScenePool, input_tensor
    from train_embedder import CropPool, to_tensor

    if part == "detector":
        if any((shards_folder() / "scenes").glob("*.npz")):
            pool = ScenePool("scenes", 1, buffer=64)
            return input_tensor(np.stack([pool.draw()[0] for _ in range(12)]))
        return torch.rand(4, 3, input_height, input_width)
    crops = CropPool(("crops",))
    crops.refresh()
    if crops.count:
        return to_tensor(crops.draw(np.random.default_rng(1), 256)[0][:, 8:-8, 8:-8])
    return torch.rand(64, 3, crop_size, crop_size)
