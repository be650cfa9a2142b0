#!/usr/bin/env python3
"""Exports the averaged weights of the latest checkpoints to ONNX, with the configuration files.

May be run while a training goes on. Every graph has a dynamic batch axis and plain fp32 weights.
"""

import argparse
import inspect
import json
import warnings
from pathlib import Path

import onnx
import torch

import autoencoder
import data
import diffusion
import dit
import latents
import teacher
import training

OPSET = 16
PARTS = ("vae_encoder", "vae_decoder", "transformer", "teacher")


def export_graph(model, inputs, names, output, folder, **axis_names):
    """Traces one network with a batch of two, checks the graph and writes model.onnx.

    The first axis of every tensor is free and called "batch" unless axis_names gives a tensor's another name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, temporary = folder / "model.onnx", folder / "model.onnx.tmp"
    tracing = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model, inputs, str(temporary), opset_version=OPSET, do_constant_folding=True,
            input_names=names, output_names=[output],
            dynamic_axes={name: {0: axis_names.get(name, "batch")} for name in [*names, output]}, **tracing)
    graph = onnx.load(str(temporary))
    onnx.checker.check_model(graph, full_check=True)
    temporary.replace(path)
    operators = sorted({node.op_type for node in graph.graph.node})
    print(f"{path}: {path.stat().st_size:,} bytes, operators {' '.join(operators)}", flush=True)


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_configurations(output, scaling_factor, guidance_scale, steps):
    labels = {str(index): name for index, name in enumerate(data.CLASS_NAMES)}
    onnx_part = ["diffusers", "OnnxRuntimeModel"]
    write_json(output / "model_index.json", {
        "_class_name": "DiTPipeline",
        "id2label": labels,
        "scheduler": ["diffusers", "DDIMScheduler"],
        "transformer": onnx_part, "vae_encoder": onnx_part, "vae_decoder": onnx_part,
        "preprocess": {"image_size": data.IMAGE_SIZE, "fit": "pad", "pad_value": 0},
        "defaults": {"guidance_scale": guidance_scale, "num_inference_steps": steps},
    })
    vae = {
        "_class_name": "AutoencoderKL",
        "in_channels": 3, "out_channels": 3, "latent_channels": autoencoder.LATENT_CHANNELS,
        "sample_size": data.IMAGE_SIZE, "block_out_channels": list(autoencoder.WIDTHS),
        "downsample_factor": autoencoder.DOWNSAMPLE, "scaling_factor": scaling_factor,
    }
    write_json(output / "vae_encoder/config.json", vae)
    write_json(output / "vae_decoder/config.json", vae)
    write_json(output / "transformer/config.json", {
        "_class_name": "DiTTransformer2DModel",
        "sample_size": dit.SIZE, "patch_size": dit.PATCH, "in_channels": dit.CHANNELS, "out_channels": dit.CHANNELS,
        "num_layers": dit.DEPTH, "num_attention_heads": dit.HEADS, "attention_head_dim": dit.WIDTH // dit.HEADS,
        "norm_type": "ada_norm_zero", "num_embeds_ada_norm": data.CLASS_COUNT,
        "num_classes": data.CLASS_COUNT, "null_class_id": dit.NULL_CLASS,
    })
    write_json(output / "scheduler/scheduler_config.json", {
        "_class_name": "DDIMScheduler",
        "num_train_timesteps": diffusion.TRAIN_STEPS,
        "beta_start": diffusion.DIT.beta_start, "beta_end": diffusion.DIT.beta_end, "beta_schedule": "linear",
        "trained_betas": None, "prediction_type": "epsilon", "clip_sample": False,
        "set_alpha_to_one": True, "steps_offset": 0, "timestep_spacing": "leading",
    })
    write_json(output / "teacher/config.json", {
        "image_size": data.IMAGE_SIZE, "num_channels": 3, "num_labels": data.CLASS_COUNT,
        "id2label": labels, "label2id": {name: int(index) for index, name in labels.items()},
    })
    write_json(output / "teacher/preprocessor_config.json", {
        "do_resize": True, "size": {"height": data.IMAGE_SIZE, "width": data.IMAGE_SIZE}, "resample": 2,
        "do_rescale": True, "rescale_factor": 1 / 255,
        "do_normalize": True, "image_mean": [teacher.IMAGE_MEAN] * 3, "image_std": [teacher.IMAGE_STD] * 3,
    })


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--data-dir", default=data.DEFAULT_DATA_DIR)
    parser.add_argument("--checkpoint-dir", default="checkpoints")
    parser.add_argument("--output", type=Path, default=Path("models/fashion-mnist"))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="networks to export")
    parser.add_argument("--guidance-scale", type=float, default=1.5, help="default written to model_index.json")
    parser.add_argument("--num-inference-steps", type=int, default=25, help="default written to model_index.json")
    parser.add_argument("--check-vectors", type=Path, help="folder for inputs and outputs of torch as raw little-endian files")
    args = parser.parse_args()

    vae, transformer, judge = autoencoder.Autoencoder(), dit.DiT(), teacher.Teacher()
    store_part = training.load_average(args.checkpoint_dir, "autoencoder", vae)["arguments"]["part"]
    scaling_factor = latents.load(args.checkpoint_dir, args.data_dir, store_part)["scaling_factor"]
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(64, 3, data.IMAGE_SIZE, data.IMAGE_SIZE, generator=generator) * 2 - 1
    latent = torch.randn(64, dit.CHANNELS, dit.SIZE, dit.SIZE, generator=generator)
    time = torch.randint(0, diffusion.TRAIN_STEPS, (64,), generator=generator)
    classes = torch.randint(0, data.CLASS_COUNT + 1, (64,), generator=generator)
    graphs = {
        "vae_encoder": (vae.encoder.eval(), (image,), ["sample"], "latent_parameters"),
        "vae_decoder": (vae.decoder.eval(), (latent,), ["latent_sample"], "sample"),
        "transformer": (transformer, (latent, time, classes), ["hidden_states", "timestep", "class_labels"], "noise_pred"),
        "teacher": (judge, (image,), ["pixel_values"], "logits"),
    }
    for part in args.parts:
        if part in ("transformer", "teacher"):
            training.load_average(args.checkpoint_dir, "dit" if part == "transformer" else part, graphs[part][0])
        model, inputs, names, output = graphs[part]
        export_graph(model, tuple(tensor[:2] for tensor in inputs), names, output, args.output / part)
        if args.check_vectors:
            args.check_vectors.mkdir(parents=True, exist_ok=True)
            with torch.no_grad():
                results = model(*inputs)
            for name, tensor in [*zip(names, inputs), (output, results)]:
                tensor.contiguous().numpy().tofile(args.check_vectors / f"{part}.{name}.bin")
    write_configurations(args.output, scaling_factor, args.guidance_scale, args.num_inference_steps)


if __name__ == "__main__":
    main()
