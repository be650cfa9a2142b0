"""Writes the trained networks as a folder of ONNX files with their configurations, which the program's --model takes.

Every graph has a dynamic batch axis. Large weights are stored in float16, as they were kept, each followed by a cast that
the runtime folds away when it loads the file: the arithmetic is in single precision.
"""

import inspect
import json
import warnings

import numpy as np
import torch

import autoencoder
import decoder
import diffusion
import dit
import teacher
import weights

OPSET = 16
ONNX_PART = ["diffusers", "OnnxRuntimeModel"]


def can_export():
    """Whether this Python has what an export needs."""
    try:
        import onnx  # noqa: F401
    except ImportError:
        return False
    return True


def write_graph(model, inputs, names, output, folder, **axis_names):
    """Traces one network with a batch of two, halves its large weights, checks the graph and writes model.onnx.

    The first axis of every tensor is free and called "batch" unless axis_names gives a tensor's another name.
    """
    import onnx
    folder.mkdir(parents=True, exist_ok=True)
    path, traced = folder / "model.onnx", folder / "model.onnx.traced"
    tracing = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model, inputs, str(traced), opset_version=OPSET, do_constant_folding=True,
            input_names=names, output_names=[output],
            dynamic_axes={name: {0: axis_names.get(name, "batch")} for name in [*names, output]}, **tracing)
    graph = onnx.load(str(traced))
    traced.unlink()
    halve(graph.graph)
    onnx.checker.check_model(graph, full_check=True)
    weights.replace_file(path, lambda stream: stream.write(graph.SerializeToString()))
    operators = sorted({node.op_type for node in graph.graph.node})
    print(f"{path}: {path.stat().st_size:,} bytes, operators {' '.join(operators)}", flush=True)


def halve(graph):
    """Stores large weights as float16 with a cast behind each."""
    from onnx import TensorProto, helper, numpy_helper
    casts = []
    for tensor in list(graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < weights.SMALLEST_HALF:
            continue
        graph.initializer.remove(tensor)
        graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), tensor.name + ".half"))
        casts.append(helper.make_node("Cast", [tensor.name + ".half"], [tensor.name], to=TensorProto.FLOAT))
    nodes = casts + list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    weights.replace_file(path, lambda stream: stream.write(text.encode("utf-8")))


def labels(current):
    return {str(index): name for index, name in enumerate(current.data.class_names)}


def preprocess(current):
    images = current.settings.images
    return {"image_size": images.size, "fit": images.fit, "pad_value": images.pad_value}


def write_configurations(current, output, evaluation):
    images, vae, transformer = current.settings.images, current.settings.autoencoder, current.settings.transformer
    made, judge = evaluation["generated"][dit.NAME], current.settings.teacher
    channels, side, _ = autoencoder.latent_shape(current)
    classes = len(current.data.class_names)
    write_json(output / "model_index.json", {
        "_class_name": "DiTPipeline",
        "id2label": labels(current),
        "scheduler": ["diffusers", "DDIMScheduler"],
        "transformer": ONNX_PART, "vae_encoder": ONNX_PART, "vae_decoder": ONNX_PART,
        "preprocess": preprocess(current),
        "defaults": {"guidance_scale": made["guidance_scale"], "num_inference_steps": made["num_inference_steps"]},
    })
    for part in ("vae_encoder", "vae_decoder"):
        write_json(output / part / "config.json", {
            "_class_name": "AutoencoderKL",
            "in_channels": 3, "out_channels": 3, "latent_channels": channels,
            "sample_size": images.size, "block_out_channels": list(vae.widths),
            "downsample_factor": vae.downsample, "scaling_factor": evaluation["scaling_factor"],
        })
    write_json(output / "transformer/config.json", {
        "_class_name": "DiTTransformer2DModel",
        "sample_size": side, "patch_size": transformer.patch, "in_channels": channels, "out_channels": channels,
        "num_layers": transformer.depth, "num_attention_heads": transformer.heads, "attention_head_dim": transformer.width // transformer.heads,
        "norm_type": "ada_norm_zero", "num_embeds_ada_norm": classes, "num_classes": classes, "null_class_id": classes,
    })
    write_json(output / "scheduler/scheduler_config.json", scheduler("DDIMScheduler", diffusion.DIT, "linear"))
    write_json(output / "teacher/config.json", {
        "image_size": images.size, "num_channels": 3, "num_labels": classes, "widths": list(judge.widths), "blocks": list(judge.blocks),
        "id2label": labels(current), "label2id": {name: int(index) for index, name in labels(current).items()},
    })
    network = teacher.load(current)
    mean, deviation = (values.flatten().tolist() for values in (network.mean.double(), network.deviation.double()))
    write_json(output / "teacher/preprocessor_config.json", {
        "do_resize": True, "size": {"height": images.size, "width": images.size}, "resample": 2,
        "do_rescale": True, "rescale_factor": 1 / 255,
        "do_normalize": True, "image_mean": _three(mean), "image_std": _three(deviation),
    })


def _three(values):
    return [round(value, 4) for value in (values * 3 if len(values) == 1 else values)]


def scheduler(kind, schedule, beta_schedule):
    return {
        "_class_name": kind, "num_train_timesteps": diffusion.TRAIN_STEPS,
        "beta_start": schedule.beta_start, "beta_end": schedule.beta_end, "beta_schedule": beta_schedule,
        "trained_betas": None, "prediction_type": "epsilon", "clip_sample": False,
        "set_alpha_to_one": schedule.ends_at_one, "steps_offset": schedule.offset, "timestep_spacing": "leading",
    }


def networks(current, rows=2):
    """Each part's network, example inputs, names of inputs, name of the output."""
    size, (channels, side, _) = current.settings.images.size, autoencoder.latent_shape(current)
    classes, generator = len(current.data.class_names), torch.Generator().manual_seed(0)
    image = torch.rand(rows, 3, size, size, generator=generator) * 2 - 1
    latent = torch.randn(rows, channels, side, side, generator=generator)
    time = torch.randint(0, diffusion.TRAIN_STEPS, (rows,), generator=generator)
    label = torch.randint(0, classes + 1, (rows,), generator=generator)
    parts = {
        "vae_encoder": (autoencoder.load(current).encoder, (image,), ["sample"], "latent_parameters"),
        "vae_decoder": (decoder.load(current), (latent,), ["latent_sample"], "sample"),
        "transformer": (dit.load(current), (latent, time, label), ["hidden_states", "timestep", "class_labels"], "noise_pred"),
        "teacher": (teacher.load(current), (image,), ["pixel_values"], "logits"),
    }
    return {part: (model.cpu(), *rest) for part, (model, *rest) in parts.items()}


def write(current, output, evaluation):
    for part, (model, inputs, names, name) in networks(current).items():
        write_graph(model, inputs, names, name, output / part)
    write_configurations(current, output, evaluation)


def write_vectors(parts, folder):
    """Inputs and outputs of the networks as raw little-endian files, for a comparison in another runtime."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, (model, inputs, names, name) in parts.items():
        with torch.no_grad():
            result = model(*inputs)
        for label, tensor in [*zip(names, inputs), (name, result)]:
            tensor.contiguous().numpy().tofile(folder / f"{part}.{label}.bin")
