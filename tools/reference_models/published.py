"""Reads the weights of an exported model folder back into the networks, for work that starts from published models."""

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import nn


def _tensors(folder, part):
    graph = onnx.load(str(Path(folder) / part / "model.onnx")).graph
    return graph, {item.name: torch.from_numpy(numpy_helper.to_array(item).copy()) for item in graph.initializer}


def load(folder, part, model):
    """Fills a network whose export kept the names of its weights (encoder, decoder); returns it ready for inference."""
    model.load_state_dict(_tensors(folder, part)[1])
    return model.eval().requires_grad_(False)


def load_folded(folder, part, model):
    """Fills a network whose batch norms the export folded into the convolutions before them (teacher).

    The batch norms are removed; convolutions are matched in the order of the graph.
    """
    graph, tensors = _tensors(folder, part)
    nodes = iter([node for node in graph.node if node.op_type == "Conv"])
    for module in list(model.modules()):
        children = list(module.named_children())
        for (_, layer), (name, norm) in zip(children, children[1:]):
            if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                weight, bias = next(nodes).input[1:3]
                layer.weight.data = tensors[weight]
                layer.bias = nn.Parameter(tensors[bias])
                setattr(module, name, nn.Identity())
    if next(nodes, None) is not None:
        raise SystemExit(f"error: {folder}/{part} has more convolutions than {type(model).__name__}")
    for name, parameter in model.named_parameters():
        if name in tensors:
            parameter.data = tensors[name]
    return model.eval().requires_grad_(False)
