"""A small builder of ONNX graphs: the file is the same for every version of PyTorch, and holds its weights as fp16.

fp16 initializers with a Cast halve the file; every runtime folds the Cast when it opens the model, so inference is fp32.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from nets import ConvUnit, Residual


class Graph:
    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._constants: dict[tuple, str] = {}
        self._count = 0

    def fresh(self, hint: str) -> str:
        self._count += 1
        return f"{hint}_{self._count}"

    def op(self, kind: str, *inputs: str, outputs: int = 1, output: str | None = None, **attributes):
        """Adds a node; returns the name of its output (a list where there are several)."""
        names = [output or self.fresh(kind.lower()) for _ in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=names[0], **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, values, dtype=np.float32) -> str:
        array = np.asarray(values, dtype)
        key = (array.tobytes(), array.shape, array.dtype.str)
        if key not in self._constants:
            name = self.fresh("const")
            self.initializers.append(numpy_helper.from_array(array, name))
            self._constants[key] = name
        return self._constants[key]

    def ints(self, *values: int) -> str:
        return self.constant(values, np.int64)

    def weight(self, name: str, values: np.ndarray) -> str:
        if np.abs(values).max(initial=0) > 60000:
            raise ValueError(f"{name} does not fit fp16")
        stored = name + ".half"
        self.initializers.append(numpy_helper.from_array(values.astype(np.float16), stored))
        self.nodes.append(helper.make_node("Cast", [stored], [name], name=name + ".cast", to=TensorProto.FLOAT))
        return name

    def convolution(self, x: str, name: str, weight: np.ndarray, bias: np.ndarray, step: int, relu: bool) -> str:
        pad = weight.shape[2] // 2
        w = self.weight(name + ".weight", weight)
        b = self.weight(name + ".bias", bias)
        x = self.op("Conv", x, w, b, kernel_shape=list(weight.shape[2:]), strides=[step, step], pads=[pad] * 4)
        return self.op("Relu", x) if relu else x

    def unit(self, x: str, name: str, unit: ConvUnit) -> str:
        weight, bias = folded(unit)
        return self.convolution(x, name, weight, bias, unit.conv.stride[0], unit.relu)

    def sequence(self, x: str, name: str, net: nn.Module) -> str:
        """Any nesting of Sequential, ConvUnit and Residual."""
        if isinstance(net, ConvUnit):
            return self.unit(x, name, net)
        if isinstance(net, Residual):
            y = self.unit(self.unit(x, name + ".first", net.first), name + ".second", net.second)
            return self.op("Relu", self.op("Add", x, y))
        for key, child in net.named_children():
            x = self.sequence(x, f"{name}.{key}", child)
        return x

    def model(self, inputs, outputs, opset: int, metadata: dict[str, str]) -> onnx.ModelProto:
        graph = helper.make_graph(self.nodes, self.name, inputs, outputs, initializer=self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], producer_name="framelock-brands")
        model.ir_version = 8
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model)
        return model


def folded(unit: ConvUnit) -> tuple[np.ndarray, np.ndarray]:
    """The convolution's weight and bias with the batch norm in them."""
    norm = unit.norm
    factor = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach()
    weight = unit.conv.weight.detach() * factor[:, None, None, None]
    bias = norm.bias.detach() - norm.running_mean * factor
    return weight.float().cpu().numpy(), bias.float().cpu().numpy()
