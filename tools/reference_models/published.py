"""Reads the weights of an exported model folder back into the networks, for work that starts from published models."""

import json
from pathlib import Path

import torch
from torch import nn

import autoencoder
import data
import decoder
import teacher
import weights


def _fill(folder, part, model):
    """Fills a network without batch norms: convolutions in the order of the graph, all else by name."""
    import onnx
    from onnx import numpy_helper
    path = Path(folder) / part / "model.onnx"
    if not path.exists():
        data.fail(f"there is no {path}", "give a model folder with vae_encoder, vae_decoder and teacher")
    graph = onnx.load(str(path)).graph
    tensors = {item.name.removesuffix(".half"): torch.from_numpy(numpy_helper.to_array(item).astype("float32"))
               for item in graph.initializer if item.data_type != onnx.TensorProto.INT64}
    nodes = [node for node in graph.node if node.op_type == "Conv"]
    layers = [(name, layer) for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d)]
    if len(nodes) != len(layers):
        data.fail(f"{path} has {len(nodes)} convolutions, the settings make {len(layers)}", "give the settings that the model was trained with")
    values = {name: tensors[name] for name in model.state_dict() if name in tensors}
    for node, (name, _) in zip(nodes, layers):
        values[f"{name}.weight"], values[f"{name}.bias"] = (tensors[tensor] for tensor in node.input[1:3])
    try:
        model.load_state_dict(values, strict=False)
    except RuntimeError as error:
        data.fail(f"{path} does not fit the settings: {str(error).splitlines()[-1].strip()}", "give the settings that the model was trained with")
    return model.eval().requires_grad_(False)


def read_teacher(folder):
    """The teacher of a model folder and its class names; sizes are read from its configuration."""
    part = Path(folder) / "teacher"
    config, preprocessor = (json.loads((part / name).read_text()) for name in ("config.json", "preprocessor_config.json"))
    defaults = teacher.Settings()
    sizes = teacher.Settings(widths=tuple(config.get("widths", defaults.widths)), blocks=tuple(config.get("blocks", defaults.blocks)))
    mean, deviation = preprocessor["image_mean"], preprocessor["image_std"]
    channels = _image_channels(part / "model.onnx")
    model = teacher.Teacher(sizes, channels, config["num_labels"], mean[:channels], deviation[:channels], folded=True)
    return _fill(folder, "teacher", model), list(config["id2label"].values())


def _image_channels(path):
    """Inputs of the first convolution."""
    import onnx
    graph = onnx.load(str(path)).graph
    first = next(node for node in graph.node if node.op_type == "Conv").input[1]
    return next(item.dims[1] for item in graph.initializer if item.name.removesuffix(".half") == first)


def take(current, folder):
    """Writes a published model's autoencoder, decoder and teacher as finished weights of this run."""
    judge, names = read_teacher(folder)
    if names != list(current.data.class_names):
        data.fail(f"{folder} knows the classes {', '.join(names)}; the data have {', '.join(current.data.class_names)}", "give the data that the model was trained on")
    vae = autoencoder.build(current)
    _fill(folder, "vae_encoder", vae.encoder)
    _fill(folder, "vae_decoder", vae.decoder)
    for name, model in ((autoencoder.NAME, vae), (decoder.NAME, vae.decoder), (teacher.NAME, judge)):
        if not current.has_weights(name):
            weights.save(current.weights_path(name), model.state_dict(), {"network": name, "published": Path(folder).name})
