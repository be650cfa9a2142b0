#!/usr/bin/env python3
"""Exports the text-conditional reference model in the layout of Stable Diffusion: text encoder, tokenizer, UNet, schedule.

Autoencoder and teacher are those of the class-conditional model; model_index.json names their folder under "parts", so
they are not written twice. Large weights are stored in half precision and widened when the file is loaded: the
arithmetic stays in single precision. The export is compared with the trained weights in ONNX Runtime, where that is
installed for Python, and by the project's own tests otherwise.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper

import data
import diffusion
import export
import text
import training
import unet

SMALLEST = 1024  # values from which a weight is stored in half precision


def halve_weights(path):
    """Stores large weights as float16, each followed by a cast that the runtime folds away when it loads the file."""
    model = onnx.load(str(path))
    graph, casts = model.graph, []
    for tensor in list(graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < SMALLEST:
            continue
        graph.initializer.remove(tensor)
        graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), tensor.name + ".half"))
        casts.append(helper.make_node("Cast", [tensor.name + ".half"], [tensor.name], to=onnx.TensorProto.FLOAT))
    nodes = casts + list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))
    print(f"{path}: {path.stat().st_size:,} bytes with {len(casts)} weights in half precision", flush=True)


def write_configurations(output, shared, guidance_scale, steps):
    part = ["diffusers", "OnnxRuntimeModel"]
    export.write_json(output / "model_index.json", {
        "_class_name": "StableDiffusionPipeline",
        "id2label": {str(index): name for index, name in enumerate(data.CLASS_NAMES)},
        "scheduler": ["diffusers", "PNDMScheduler"], "tokenizer": ["transformers", "CLIPTokenizer"],
        "text_encoder": part, "unet": part, "vae_encoder": part, "vae_decoder": part,
        "parts": {name: f"{shared}/{name}" for name in ("vae_encoder", "vae_decoder", "teacher")},
        "preprocess": {"image_size": data.IMAGE_SIZE, "fit": "pad", "pad_value": 0},
        "defaults": {"guidance_scale": guidance_scale, "num_inference_steps": steps, "prompt": text.DEFAULT_TEMPLATE},
    })
    export.write_json(output / "unet/config.json", {
        "_class_name": "UNet2DConditionModel", "sample_size": unet.SIZE,
        "in_channels": unet.CHANNELS, "out_channels": unet.CHANNELS,
        "block_out_channels": [unet.FINE, unet.DEEP], "cross_attention_dim": text.WIDTH,
    })
    export.write_json(output / "text_encoder/config.json", {
        "architectures": ["CLIPTextModel"], "hidden_size": text.WIDTH, "num_hidden_layers": text.DEPTH,
        "num_attention_heads": text.HEADS, "max_position_embeddings": text.LENGTH, "vocab_size": len(text.Tokenizer()),
    })
    schedule = diffusion.STABLE_DIFFUSION
    export.write_json(output / "scheduler/scheduler_config.json", {
        "_class_name": "PNDMScheduler", "num_train_timesteps": diffusion.TRAIN_STEPS,
        "beta_start": schedule.beta_start, "beta_end": schedule.beta_end, "beta_schedule": "scaled_linear",
        "trained_betas": None, "prediction_type": "epsilon", "clip_sample": False, "skip_prk_steps": True,
        "set_alpha_to_one": schedule.ends_at_one, "steps_offset": schedule.offset, "timestep_spacing": "leading",
    })


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--checkpoint-dir", default="checkpoints")
    parser.add_argument("--output", type=Path, default=Path("models/fashion-mnist-unet"))
    parser.add_argument("--shared", default="../fashion-mnist", help="folder of autoencoder and teacher, relative to the output")
    parser.add_argument("--guidance-scale", type=float, default=2.0, help="default written to model_index.json")
    parser.add_argument("--num-inference-steps", type=int, default=25, help="default written to model_index.json")
    parser.add_argument("--check-vectors", type=Path, help="folder for inputs and outputs of torch as raw little-endian files")
    args = parser.parse_args()

    model = unet.TextToLatent()
    training.load_average(args.checkpoint_dir, "unet", model)
    generator = torch.Generator().manual_seed(0)
    tokens = model.tokens(text.DEFAULT_TEMPLATE)
    sample = torch.randn(len(tokens), unet.CHANNELS, unet.SIZE, unet.SIZE, generator=generator)
    time = torch.tensor([501])
    with torch.no_grad():
        states = model.text_encoder(tokens)
        noise = model.unet(sample, time, states)
    export.export_graph(model.text_encoder, (tokens[:2],), ["input_ids"], "last_hidden_state", args.output / "text_encoder")
    export.export_graph(
        model.unet, (sample[:2], time, states[:2]), ["sample", "timestep", "encoder_hidden_states"], "out_sample", args.output / "unet", timestep="steps")
    for part in ("text_encoder", "unet"):
        halve_weights(args.output / part / "model.onnx")
    model.tokenizer.save(args.output / "tokenizer")
    write_configurations(args.output, args.shared, args.guidance_scale, args.num_inference_steps)
    if args.check_vectors:
        args.check_vectors.mkdir(parents=True, exist_ok=True)
        for name, tensor in {"input_ids": tokens, "last_hidden_state": states, "sample": sample, "timestep": time, "out_sample": noise}.items():
            tensor.contiguous().numpy().tofile(args.check_vectors / f"{name}.bin")


if __name__ == "__main__":
    main()
