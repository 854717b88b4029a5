"""Both nets as one ONNX file: detect, crop the squares around the boxes from the input, embed. The README has the contract."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from nets import Detector, Embedder, contrast_floor, distance_unit, most_distance_logit, stride
from onnx_graph import Graph
from paths import crop_margin, crop_size, embedding_dim, input_height, input_width, mark_count

opset = 16
# Names inside the graph: the embedder between them can be taken out of the file.
crops_edge, embeddings_edge = "crops", "cropEmbeddings"
# Halvings of the input that crops are read from: as crops.crop does.
levels = 4
level_steps = (1.25, 2.5, 5.0)


def _upsample(g: Graph, x: str) -> str:
    return g.op("Resize", x, "", g.constant([1, 1, 2, 2]), mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric")


def _detector(g: Graph, images: str, net: Detector) -> tuple[str, str]:
    """heat [N,1,h,w] 0..1 and distances [N,4,h,w] px."""
    s8 = g.sequence(g.sequence(images, "detector.stem", net.stem), "detector.stage8", net.stage8)
    s16 = g.sequence(s8, "detector.stage16", net.stage16)
    s32 = g.sequence(s16, "detector.stage32", net.stage32)
    up = g.unit(g.sequence(s32, "detector.stage64", net.stage64), "detector.lateral64", net.lateral64)
    for name, x in (("32", s32), ("16", s16), ("8", s8)):
        side = g.unit(x, f"detector.lateral{name}", getattr(net, f"lateral{name}"))
        up = g.op("Relu", g.op("Add", side, _upsample(g, up)))
        up = g.unit(up, f"detector.merge{name}", getattr(net, f"merge{name}"))

    def head(name: str) -> str:
        out = getattr(net, f"{name}_out")
        x = g.unit(up, f"detector.{name}_head", getattr(net, f"{name}_head"))
        return g.convolution(x, f"detector.{name}_out", out.weight.detach().numpy(), out.bias.detach().numpy(), 1, False)

    logits, distances = head("heat"), head("box")
    distances = g.op("Clip", distances, g.constant(-4.0), g.constant(most_distance_logit))
    return g.op("Sigmoid", logits), g.op("Mul", g.op("Exp", distances), g.constant(distance_unit))


def _peaks(g: Graph, heat: str, distances: str) -> tuple[str, str]:
    """boxes [N,K,4] and scores [N,K,1] of the strongest peaks."""
    h, w = input_height // stride, input_width // stride
    top = g.op("MaxPool", heat, kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1])
    heat = g.op("Where", g.op("Equal", top, heat), heat, g.constant(0.0))
    flat = g.op("Reshape", heat, g.ints(0, h * w))
    scores, at = g.op("TopK", flat, g.ints(mark_count), outputs=2, axis=1)
    x, y = np.meshgrid((np.arange(w) + 0.5) * stride, (np.arange(h) + 0.5) * stride)
    centres = np.stack([x, y, x, y])[None].astype(np.float32)
    signs = np.array([-1, -1, 1, 1], np.float32).reshape(1, 4, 1, 1)
    boxes = g.op("Add", g.constant(centres), g.op("Mul", distances, g.constant(signs)))
    boxes = g.op("Transpose", g.op("Reshape", boxes, g.ints(0, 4, h * w)), perm=[0, 2, 1])
    # Gathered by rows of N*h*w: one gather that every runtime has in its fast form.
    index = g.op("Expand", g.op("Unsqueeze", at, g.ints(2)), g.ints(1, 1, 4))
    boxes = g.op("GatherElements", boxes, index, axis=1)
    return boxes, g.op("Unsqueeze", scores, g.ints(2))


def _mosaic(g: Graph, images: str) -> tuple[str, list[tuple[int, int, int, int]], int, int]:
    """The input and its halvings in one picture, so that one GridSample reads from all; (x, y, width, height) of each."""
    halves = [images]
    for _ in range(levels - 1):
        halves.append(g.op("AveragePool", halves[-1], kernel_shape=[2, 2], strides=[2, 2]))
    places = []
    x = 0
    padded = []
    half = input_height // 2
    for level in range(1, levels):
        w, h = input_width >> level, input_height >> level
        places.append((x, input_height, w, h))
        x += w
        padded.append(g.op("Pad", halves[level], g.ints(0, 0, 0, 0, 0, 0, half - h, 0)) if h < half else halves[level])
    if x < input_width:
        padded[-1] = g.op("Pad", halves[-1], g.ints(0, 0, 0, 0, 0, 0, half - (input_height >> (levels - 1)), input_width - x))
    strip = g.op("Concat", *padded, axis=3)
    return g.op("Concat", images, strip, axis=2), [(0, 0, input_width, input_height), *places], input_width, input_height + half


def _crops(g: Graph, images: str, boxes: str, count: int) -> str:
    """boxes [N,count,4] px -> [N*count,3,64,64] squares, edge pixels repeated beyond the picture."""
    mosaic, places, width, height = _mosaic(g, images)
    x1, y1, x2, y2 = g.op("Split", boxes, g.ints(1, 1, 1, 1), outputs=4, axis=2)
    half = g.constant(0.5)
    cx, cy = g.op("Mul", g.op("Add", x1, x2), half), g.op("Mul", g.op("Add", y1, y2), half)
    longer = g.op("Max", g.op("Sub", x2, x1), g.op("Sub", y2, y1), g.constant(4.0))
    step = g.op("Mul", longer, g.constant((1 + 2 * crop_margin) / crop_size))
    table = np.array([[1 / (1 << k), *place] for k, place in enumerate(places)], np.float32)
    pick = [g.op("Greater", step, g.constant(limit)) for limit in level_steps]

    def of_level(column: int) -> str:
        value = g.constant(table[0, column])
        for k, above in enumerate(pick):
            value = g.op("Where", above, g.constant(table[k + 1, column]), value)
        return value

    factor, left, top, wide, high = (of_level(column) for column in range(5))
    offsets = (np.arange(crop_size) + 0.5 - crop_size / 2).astype(np.float32)

    def axis(centre: str, start: str, extent: str, whole: int) -> str:
        """[N,count,64] sampling places of one axis in GridSample's -1..1 of the mosaic."""
        place = g.op("Mul", g.op("Add", centre, g.op("Mul", step, g.constant(offsets.reshape(1, 1, -1)))), factor)
        place = g.op("Min", g.op("Max", place, half), g.op("Sub", extent, half))
        return g.op("Sub", g.op("Mul", g.op("Add", place, start), g.constant(2.0 / whole)), g.constant(1.0))

    x, y = axis(cx, left, wide, width), axis(cy, top, high, height)
    shape = g.ints(1, 1, crop_size, crop_size)
    xs = g.op("Expand", g.op("Unsqueeze", x, g.ints(2)), shape)
    ys = g.op("Expand", g.op("Unsqueeze", y, g.ints(3)), shape)
    grid = g.op("Concat", g.op("Unsqueeze", xs, g.ints(4)), g.op("Unsqueeze", ys, g.ints(4)), axis=4)
    grid = g.op("Reshape", grid, g.ints(0, count * crop_size, crop_size, 2))
    crops = g.op("GridSample", mosaic, grid, mode="bilinear", padding_mode="border", align_corners=0)
    crops = g.op("Reshape", crops, g.ints(0, 3, count, crop_size, crop_size))
    return g.op("Reshape", g.op("Transpose", crops, perm=[0, 2, 1, 3, 4]), g.ints(-1, 3, crop_size, crop_size), output=crops_edge)


def _embeddings(g: Graph, crops: str, net: Embedder, count: int) -> str:
    x = g.op("Sub", crops, g.op("ReduceMean", crops, axes=[2, 3], keepdims=1))
    power = g.op("ReduceMean", g.op("Mul", x, x), axes=[1, 2, 3], keepdims=1)
    x = g.op("Div", x, g.op("Add", g.op("Sqrt", power), g.constant(contrast_floor)))
    x = g.op("Flatten", g.sequence(x, "embedder.body", net.body), axis=1)
    w = g.weight("embedder.out.weight", net.out.weight.detach().numpy())
    b = g.weight("embedder.out.bias", net.out.bias.detach().numpy())
    x = g.op("Gemm", x, w, b, transB=1)
    x = g.op("Div", x, g.op("Max", g.op("ReduceL2", x, axes=[1], keepdims=1), g.constant(1e-12)), output=embeddings_edge)
    return g.op("Reshape", x, g.ints(-1, count, embedding_dim))


def build(detector: Detector, embedder: Embedder) -> onnx.ModelProto:
    """The whole model; both nets in evaluation mode on the CPU."""
    detector, embedder = detector.cpu().eval(), embedder.cpu().eval()
    g = Graph("brands")
    heat, distances = _detector(g, "images", detector)
    boxes, scores = _peaks(g, heat, distances)
    # The query box stands behind the K boxes: one more row.
    batch = g.op("Slice", g.op("Shape", "images"), g.ints(0), g.ints(1))
    query = g.op("Expand", "query", g.op("Concat", batch, g.ints(1, 4), axis=0))
    count = mark_count + 1
    every = _embeddings(g, _crops(g, "images", g.op("Concat", boxes, query, axis=1), count), embedder, count)
    labels = g.op("Mul", scores, g.constant(0.0))
    names = [
        (g.op("Concat", boxes, scores, labels, axis=2), "detections", [mark_count, 6]),
        (g.op("Slice", every, g.ints(0), g.ints(mark_count), g.ints(1)), "embeddings", [mark_count, embedding_dim]),
        (g.op("Slice", every, g.ints(mark_count), g.ints(count), g.ints(1)), "queryEmbedding", [1, embedding_dim]),
    ]
    outputs = []
    for value, name, dims in names:
        g.nodes.append(helper.make_node("Identity", [value], [name], name=name))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *dims]))
    inputs = [
        helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, input_height, input_width]),
        helper.make_tensor_value_info("query", TensorProto.FLOAT, [1, 1, 4]),
    ]
    metadata = {"names": json.dumps({0: "brand mark"}), "licence": "Apache-2.0", "family": "brands"}
    return g.model(inputs, outputs, opset, metadata)


def save(model: onnx.ModelProto, file: Path) -> str:
    """Writes the file and returns its sha256."""
    data = model.SerializeToString()
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".part")
    partial.write_bytes(data)
    partial.rename(file)
    return hashlib.sha256(data).hexdigest()
