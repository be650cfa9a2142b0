#!/usr/bin/env python3
"""Exports DiT-XL/2 from its public diffusers checkpoint (facebook/DiT-XL-2-256 or -512) to a model folder.

    dit.py --model facebook/DiT-XL-2-256 --synsets LOC_synset_mapping.txt --output models/dit-256

Needs torch, onnx, onnxruntime and diffusers. Every network is compared with its source; a difference above the tolerance
is an error. Float32 throughout: TensorRT may still compute in float16 (--precision float16).
"""

import argparse
from pathlib import Path

import torch

import autoencoder
import checks

TOLERANCE = 1e-3  # of the largest output


class Transformer(torch.nn.Module):
    """hidden_states [b, 4, h, w], timestep int64 [b], class_labels int64 [b] -> noise_pred [b, 8, h, w]."""

    def __init__(self, transformer):
        super().__init__()
        self.transformer = transformer

    def forward(self, hidden_states, timestep, class_labels):
        return self.transformer(hidden_states, timestep=timestep, class_labels=class_labels, return_dict=False)[0]


def export(transformer, vae, output, class_names, steps=50, guidance_scale=4.0, tolerance=TOLERANCE, vectors=None):
    """Writes a model folder from diffusers' modules, whatever their weights."""
    size, classes = transformer.config.sample_size, transformer.config.num_embeds_ada_norm
    if len(class_names) != classes:
        raise checks.ExportError(f"{len(class_names)} class names for a transformer of {classes} classes", "give one line per class, in the order of the labels")
    generator = torch.Generator().manual_seed(0)
    latent = torch.randn(2, transformer.config.in_channels, size, size, generator=generator)
    inputs, names = (latent, torch.tensor([999, 20]), torch.tensor([0, classes])), ["hidden_states", "timestep", "class_labels"]
    module = Transformer(transformer).eval()
    path = checks.export(module, inputs, names, "noise_pred", output / "transformer", {name: {0: "batch"} for name in [*names, "noise_pred"]})
    checks.verify(module, inputs, names, path, tolerance, vectors)
    autoencoder.export(vae, output, size, tolerance, vectors)
    part = ["diffusers", "OnnxRuntimeModel"]
    checks.write_json(output / "model_index.json", {
        "_class_name": "DiTPipeline", "id2label": {str(index): name for index, name in enumerate(class_names)},
        "scheduler": ["diffusers", "DDIMScheduler"], "transformer": part, "vae_encoder": part, "vae_decoder": part,
        "preprocess": {"fit": "crop"}, "defaults": {"guidance_scale": guidance_scale, "num_inference_steps": steps},
    })
    checks.write_json(output / "transformer/config.json", {
        "_class_name": "DiTTransformer2DModel", "sample_size": size, "in_channels": transformer.config.in_channels,
        "out_channels": transformer.config.out_channels, "num_embeds_ada_norm": classes, "null_class_id": classes,
    })
    checks.write_json(output / "scheduler/scheduler_config.json", {
        "_class_name": "DDIMScheduler", "num_train_timesteps": 1000, "beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear",
        "prediction_type": "epsilon", "clip_sample": False, "set_alpha_to_one": True, "steps_offset": 0, "timestep_spacing": "leading",
        "variance_type": "learned_range",
    })


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="facebook/DiT-XL-2-256", help="name or folder of the diffusers checkpoint")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--synsets", help="ImageNet's list 'n01440764 tench, ...': classes then have the names of its folders")
    parser.add_argument("--guidance-scale", type=float, default=4.0)
    parser.add_argument("--num-inference-steps", type=int, default=50)
    parser.add_argument("--check-vectors", help="folder for inputs and outputs, to check with another runtime")
    args = parser.parse_args()
    try:
        from diffusers import DiTPipeline
    except ImportError:
        raise checks.ExportError("the package diffusers is not installed", "pip install diffusers transformers accelerate")
    pipeline = DiTPipeline.from_pretrained(args.model, torch_dtype=torch.float32)
    if args.synsets:
        names, _ = checks.read_synsets(args.synsets)
    else:
        words = {index: word for word, index in reversed(pipeline.labels.items())}
        names = [words[index] for index in range(pipeline.transformer.config.num_embeds_ada_norm)]
    export(pipeline.transformer, pipeline.vae, args.output, names, args.num_inference_steps, args.guidance_scale, vectors=args.check_vectors)


if __name__ == "__main__":
    main()
