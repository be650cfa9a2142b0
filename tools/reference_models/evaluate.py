#!/usr/bin/env python3
"""Measures the reference models: reconstruction and teacher on the test images, generation by the teacher's verdict.

`--sweep` compares guidance scales and step counts on generated images alone (no test image is
used to choose them); without it, the figures for the card are written to evaluation.json.
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np
import torch

import autoencoder
import data
import decoder
import diffusion
import dit
import latents
import teacher
import training
import unet


def features(judge, unit_images, batch_size=500):
    """Pooled features of the teacher (the input of its last layer) and its logits."""
    kept = []
    hook = judge.head.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0]))
    logits = teacher.predict(judge, unit_images, batch_size)
    hook.remove()
    return torch.cat(kept).double().numpy(), logits


def frechet(first, second):
    """Fréchet distance of the Gaussians fitted to two sets of features."""
    mean = first.mean(0) - second.mean(0)
    a, b = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ b @ root).clip(0)).sum()
    return float(mean @ mean + np.trace(a) + np.trace(b) - 2 * cross)


BACKBONES = {"dit": (dit.DiT, diffusion.DIT), "unet": (unet.TextToLatent, diffusion.STABLE_DIFFUSION)}


class Models:
    def __init__(self, checkpoint_dir, data_dir, name):
        backbone, self.schedule = BACKBONES[name]
        self.vae, self.backbone, self.judge = autoencoder.Autoencoder(), backbone(), teacher.Teacher()
        self.states = {
            "autoencoder": training.load_average(checkpoint_dir, "autoencoder", self.vae),
            "teacher": training.load_average(checkpoint_dir, "teacher", self.judge),
            name: training.load_average(checkpoint_dir, name, self.backbone),
        }
        if training.checkpoint_path(checkpoint_dir, decoder.NAME).exists():
            self.states[decoder.NAME] = training.load_average(checkpoint_dir, decoder.NAME, decoder.Pair(self.vae.decoder))
        self.store = latents.load(checkpoint_dir, data_dir, self.states["autoencoder"]["arguments"]["part"])

    @torch.no_grad()
    def decode(self, scaled_latents, batch_size=500):
        """Scaled latents -> grey images [n, 1, 32, 32] in [0, 1]."""
        parts = (scaled_latents / self.store["scaling_factor"]).split(batch_size)
        return torch.cat([self.vae.decoder(part)[:, :1] for part in parts]).clamp(-1, 1) * 0.5 + 0.5

    def generate(self, per_class, steps, guidance_scale, seed, batch_size=500):
        """The same number of images of every class; returns images in [0, 1] and labels."""
        generator = torch.Generator().manual_seed(seed)
        labels = torch.arange(data.CLASS_COUNT).repeat(per_class)
        shape = (dit.CHANNELS, dit.SIZE, dit.SIZE)
        parts = [diffusion.sample(self.backbone, part, steps, guidance_scale, generator, data.CLASS_COUNT, shape, self.schedule)
                 for part in labels.split(batch_size)]
        return self.decode(torch.cat(parts)), labels


def verdict(judge, images, labels, reference):
    """What the teacher says of generated images: share with the intended class, its probability, distance to reference features."""
    found, logits = features(judge, images)
    right = logits.argmax(1) == labels
    confidence = logits.softmax(1).gather(1, labels.unsqueeze(1)).mean()
    return {
        "images": len(labels), "agreement": round(right.float().mean().item(), 4), "confidence": round(confidence.item(), 4),
        "frechet": round(frechet(found, reference), 3),
        "agreement_per_class": [round(right[labels == c].float().mean().item(), 3) for c in range(data.CLASS_COUNT)],
    }


def judge_generated(models, reference, per_class, steps, guidance_scale, seed):
    images, labels = models.generate(per_class, steps, guidance_scale, seed)
    settings = {"guidance_scale": guidance_scale, "num_inference_steps": steps, "seed": seed}
    return images, labels, settings | verdict(models.judge, images, labels, reference)


def measure_test(models, data_dir):
    """Reconstruction and classification of the 10,000 test images."""
    images, labels = data.load(data_dir, "test")
    original = data.to_unit(images)
    mean, _ = latents.encode(models.vae.encoder, images)
    rebuilt = models.decode(mean * models.store["scaling_factor"])
    error = (rebuilt - original).square().mean((1, 2, 3)).double()

    def accuracy(unit_images):
        return (teacher.predict(models.judge, unit_images).argmax(1) == labels).float().mean().item()

    return {
        "images": len(images),
        "psnr": round((-10 * error.log10()).mean().item(), 3),
        "psnr_of_mean_error": round(-10 * error.mean().log10().item(), 3),
        "mean_absolute_error": round((rebuilt - original).abs().mean().item(), 5),
        "teacher_accuracy": round(accuracy(original), 4),
        "teacher_accuracy_on_reconstructions": round(accuracy(rebuilt), 4),
    }, features(models.judge, original)[0]


def save_grid(images, labels, path, columns):
    """One row per class, as a PNG (needs Pillow)."""
    from PIL import Image
    rows = [torch.cat(list(images[labels == c][:columns, 0]), 1) for c in range(data.CLASS_COUNT)]
    Image.fromarray((torch.cat(rows, 0) * 255).round().byte().numpy()).save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--data-dir", default=data.DEFAULT_DATA_DIR)
    parser.add_argument("--checkpoint-dir", default="checkpoints")
    parser.add_argument("--model", choices=sorted(BACKBONES), default="dit", help="which diffusion network generates")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--guidance-scale", type=float, nargs="+", default=[1.5])
    parser.add_argument("--num-inference-steps", type=int, nargs="+", default=[25])
    parser.add_argument("--per-class", type=int, default=200, help="generated images of each class")
    parser.add_argument("--sweep", action="store_true", help="only compare the given guidance scales and steps")
    parser.add_argument("--grid", type=Path, help="write a sheet of generated images")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    models = Models(args.checkpoint_dir, args.data_dir, args.model)
    if args.sweep:
        reference, _ = features(models.judge, data.to_unit(data.load(args.data_dir, "train")[0][:10_000]))
        for steps in args.num_inference_steps:
            for scale in args.guidance_scale:
                result = judge_generated(models, reference, args.per_class, steps, scale, args.seed)[2]
                print(json.dumps(result), flush=True)
        return
    test, reference = measure_test(models, args.data_dir)
    images, labels, generated = judge_generated(
        models, reference, args.per_class, args.num_inference_steps[0], args.guidance_scale[0], args.seed)
    if args.grid:
        save_grid(images, labels, args.grid, 20)
    result = {
        "test": test, "generated": generated, "latents": latents.statistics(models.store),
        "scaling_factor": models.store["scaling_factor"],
        "training": {name: {"steps": state["step"], "seconds": round(state["seconds"]),
                            "arguments": {k: v for k, v in state["arguments"].items() if not k.endswith("dir")}}
                     for name, state in models.states.items()},
    }
    path = Path(args.checkpoint_dir) / "evaluation.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
