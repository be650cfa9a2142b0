#!/usr/bin/env python3
"""Exports Stable Diffusion 1.5 with optimum's command, then compares every network with the checkpoint it came from.

    stable_diffusion.py --model stable-diffusion-v1-5/stable-diffusion-v1-5 --output models/sd15

Needs optimum[onnxruntime], diffusers and transformers. An export that exists already is only checked (--check-only).
"""

import argparse
import json
import subprocess
from pathlib import Path

import onnx
import torch

import autoencoder
import checks

TOLERANCES = {"fp32": 1e-3, "fp16": 2e-2}  # of the largest output
EXPECTED = {  # names of inputs and output; several spellings of the encoder's output are in use
    "text_encoder": ({"input_ids"}, {"last_hidden_state"}),
    "unet": ({"sample", "timestep", "encoder_hidden_states"}, {"out_sample"}),
    "vae_encoder": ({"sample"}, {"latent_parameters", "latent_sample"}),
    "vae_decoder": ({"latent_sample"}, {"sample"}),
}


def command(model, output, dtype):
    """optimum's command line."""
    precision = ["--dtype", "fp16", "--device", "cuda"] if dtype == "fp16" else []
    return ["optimum-cli", "export", "onnx", "--model", model, "--task", "text-to-image", *precision, str(output)]


def check_layout(folder):
    """Files and tensor names, before any network is loaded."""
    for part, (inputs, outputs) in EXPECTED.items():
        path = folder / part / "model.onnx"
        if not path.exists():
            raise checks.ExportError(f"{path} is missing", "the export is not complete; run it again")
        graph = onnx.load(str(path), load_external_data=False).graph
        weights = {tensor.name for tensor in graph.initializer}
        found = {item.name for item in graph.input} - weights
        if found != inputs:
            raise checks.ExportError(f"{path} takes {sorted(found)}; expected {sorted(inputs)}", "export with --task text-to-image")
        if not {item.name for item in graph.output} & outputs:
            raise checks.ExportError(f"{path} gives {sorted(item.name for item in graph.output)}; expected one of {sorted(outputs)}", "export with --task text-to-image")
    for name in ("tokenizer/vocab.json", "tokenizer/merges.txt", "scheduler/scheduler_config.json", "model_index.json", "unet/config.json"):
        if not (folder / name).exists():
            raise checks.ExportError(f"{folder / name} is missing", "the export is not complete; run it again")


def verify(folder, pipeline, tolerance, vectors=None):
    """Every network on a small batch against diffusers' modules, in float32."""
    generator = torch.Generator().manual_seed(0)
    size, vae = pipeline.unet.config.sample_size, pipeline.vae
    ids = pipeline.tokenizer(["a photo of tench", ""], padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
    sample = torch.randn(2, 4, size, size, generator=generator)
    image = torch.rand(1, 3, size * 8, size * 8, generator=generator) * 2 - 1
    time = torch.tensor([501])
    with torch.no_grad():
        states = pipeline.text_encoder(ids)[0]
        results = {
            "text_encoder": ({"input_ids": ids}, states),
            "unet": ({"sample": sample, "timestep": time, "encoder_hidden_states": states},
                     pipeline.unet(sample, time, encoder_hidden_states=states, return_dict=False)[0]),
            "vae_decoder": ({"latent_sample": sample[:1]}, autoencoder.Decoder(vae)(sample[:1])),
        }
        encoder = onnx.load(str(folder / "vae_encoder/model.onnx"), load_external_data=False).graph
        if any(item.name == "latent_parameters" for item in encoder.output):
            results["vae_encoder"] = ({"sample": image}, autoencoder.Encoder(vae)(image))
        else:
            print("vae_encoder gives drawn latents (latent_sample); its values cannot be compared", flush=True)
    for part, (inputs, expected) in results.items():
        checks.compare(folder / part / "model.onnx", inputs, expected, tolerance, vectors)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="stable-diffusion-v1-5/stable-diffusion-v1-5", help="name or folder of the diffusers checkpoint")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--dtype", choices=sorted(TOLERANCES), default="fp32", help="fp16 needs a CUDA device for the export")
    parser.add_argument("--check-only", action="store_true", help="the export exists already")
    parser.add_argument("--prompt", help="template written to model_index.json, for example 'a photo of {class}'")
    parser.add_argument("--check-vectors", help="folder for inputs and outputs, to check with another runtime")
    args = parser.parse_args()
    try:
        from diffusers import StableDiffusionPipeline
    except ImportError:
        raise checks.ExportError("the package diffusers is not installed", "pip install diffusers transformers optimum[onnxruntime]")
    if not args.check_only:
        line = command(args.model, args.output, args.dtype)
        print(" ".join(line), flush=True)
        try:
            subprocess.run(line, check=True)
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            raise checks.ExportError(f"optimum's export failed: {error}", "pip install optimum[onnxruntime]; the line above can be run by hand")
    check_layout(args.output)
    verify(args.output, StableDiffusionPipeline.from_pretrained(args.model, torch_dtype=torch.float32, safety_checker=None), TOLERANCES[args.dtype], args.check_vectors)
    if args.prompt:
        index = json.loads((args.output / "model_index.json").read_text(encoding="utf-8"))
        index.setdefault("defaults", {})["prompt"] = args.prompt
        checks.write_json(args.output / "model_index.json", index)


if __name__ == "__main__":
    main()
