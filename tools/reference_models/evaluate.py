"""Measures the trained networks: reconstruction and teacher on the test images, generation by the teacher's verdict.

The guidance scale is chosen on generated images and training images alone: among the scales with enough agreement the one
of least Fréchet distance, or the one of most agreement where none has enough. Test images serve only for the figures.
"""

import dataclasses
import json

import numpy as np
import torch

import autoencoder
import data
import decoder
import diffusion
import dit
import latents
import teacher
import unet
import weights

REFERENCE_IMAGES = 10_000  # training images that the guidance scales are compared with
BACKBONES = {dit.NAME: (dit, diffusion.DIT), unet.NAME: (unet, diffusion.STABLE_DIFFUSION)}
NETWORKS = (autoencoder.NAME, decoder.NAME, teacher.NAME, *BACKBONES)


def frechet(first, second):
    """Fréchet distance of the Gaussians fitted to two sets of features."""
    first, second = (features.double().cpu().numpy() for features in (first, second))
    mean = first.mean(0) - second.mean(0)
    a, b = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ b @ root).clip(0)).sum()
    return float(mean @ mean + np.trace(a) + np.trace(b) - 2 * cross)


def verdict(judge, images, labels, reference):
    """What the teacher says of generated images: share with the intended class, its probability, distance to reference features."""
    found, logits = teacher.judge(judge, images)
    right = logits.argmax(1) == labels
    confidence = logits.softmax(1).gather(1, labels.unsqueeze(1)).mean()
    return {
        "images": len(labels), "agreement": round(right.float().mean().item(), 4), "confidence": round(confidence.item(), 4),
        "frechet": round(frechet(found, reference), 3),
        "agreement_per_class": [round(right[labels == label].float().mean().item(), 3) for label in range(int(labels.max()) + 1)],
    }


@torch.no_grad()
def decode(network, scaled_latents, scaling_factor, channels, batch_size=500):
    """Scaled latents -> images [n, channels, H, W] in [0, 1]."""
    parts = (scaled_latents / scaling_factor).split(batch_size)
    return torch.cat([network(part)[:, :channels] for part in parts]).clamp(-1, 1) * 0.5 + 0.5


class Evaluation:
    def __init__(self, current):
        self.current, self.data = current, current.data
        self.encoder, self.decoder, self.judge = autoencoder.load(current).encoder, decoder.load(current), teacher.load(current)
        self.latents = latents.load(current)
        order = torch.randperm(len(self.data.images), generator=torch.Generator().manual_seed(0))
        self.training_features = self.features(self.data.images[order[:REFERENCE_IMAGES].to(current.device)])
        self.test_features = self.features(self.data.test_images)

    def features(self, images):
        return teacher.judge(self.judge, data.to_unit(images))[0]

    def accuracy(self, unit_images):
        return (teacher.judge(self.judge, unit_images)[1].argmax(1) == self.data.test_labels).float().mean().item()

    def test(self):
        """Reconstruction and classification of the test images."""
        original, factor = data.to_unit(self.data.test_images), self.latents.scaling_factor
        mean, _ = latents.encode(self.encoder, self.data.test_images)
        rebuilt = decode(self.decoder, mean * factor, factor, self.data.channels)
        error = (rebuilt - original).square().mean((1, 2, 3)).double().clamp(min=1e-12)
        return {
            "images": len(original),
            "psnr": round((-10 * error.log10()).mean().item(), 3),
            "psnr_of_mean_error": round(-10 * error.mean().log10().item(), 3),
            "mean_absolute_error": round((rebuilt - original).abs().mean().item(), 5),
            "teacher_accuracy": round(self.accuracy(original), 4),
            "teacher_accuracy_on_reconstructions": round(self.accuracy(rebuilt), 4),
        }

    def generate(self, name, guidance_scale, batch_size=500):
        """The same number of images of every class; returns images in [0, 1] and labels."""
        module, schedule = BACKBONES[name]
        settings, count = self.current.settings.generation, len(self.data.class_names)
        backbone, generator = module.load(self.current), torch.Generator().manual_seed(settings.seed)
        labels = torch.arange(count, device=self.current.device).repeat(settings.images_per_class)
        shape = autoencoder.latent_shape(self.current)
        parts = [diffusion.sample(backbone, part, settings.steps, guidance_scale, generator, count, shape, schedule)
                 for part in labels.split(batch_size)]
        return decode(self.decoder, torch.cat(parts), self.latents.scaling_factor, self.data.channels), labels

    def generated(self, name):
        """Every guidance scale beside training images, and the chosen one beside the test images."""
        settings, tried, made = self.current.settings.generation, [], {}
        for scale in settings.guidance_scales:
            made[scale] = self.generate(name, scale)
            found = verdict(self.judge, *made[scale], self.training_features)
            tried.append({"guidance_scale": scale} | {key: found[key] for key in ("agreement", "confidence", "frechet")})
            print(json.dumps({"network": name} | tried[-1]), flush=True)
        enough = [entry for entry in tried if entry["agreement"] >= settings.agreement]
        chosen = min(enough, key=lambda entry: entry["frechet"]) if enough else max(tried, key=lambda entry: entry["agreement"])
        images, labels = made[chosen["guidance_scale"]]
        self.save_sheet(images, labels, self.current.folder / f"{name}.png")
        return {"guidance_scale": chosen["guidance_scale"], "num_inference_steps": settings.steps, "seed": settings.seed, "tried": tried} \
            | verdict(self.judge, images, labels, self.test_features)

    @staticmethod
    def save_sheet(images, labels, path, columns=20):
        """One row per class, as a PNG; at most 20 classes."""
        from PIL import Image
        rows = [torch.cat(list(images[labels == label][:columns]), 2) for label in range(min(20, int(labels.max()) + 1))]
        sheet = (torch.cat(rows, 1) * 255).round().byte().permute(1, 2, 0).squeeze(2).cpu().numpy()
        Image.fromarray(sheet).save(path)


def load(current):
    """The figures of these very weights: read back where they were measured before, else measured and written."""
    path = current.folder / "evaluation.json"
    measured = json.loads(json.dumps({
        "weights": {name: weights.sha256(current.weights_path(name)) for name in NETWORKS if current.has_weights(name)},
        "generation": dataclasses.asdict(current.settings.generation)}))
    if path.exists():
        result = json.loads(path.read_text())
        if result["measured"] == measured:
            return result
    evaluation = Evaluation(current)
    result = {
        "measured": measured, "test": evaluation.test(), "machine": current.machine,
        "generated": {name: evaluation.generated(name) for name in BACKBONES if current.has_weights(name)},
        "latents": latents.statistics(evaluation.latents), "scaling_factor": evaluation.latents.scaling_factor,
    }
    print(json.dumps(result["test"]), flush=True)
    weights.replace_file(path, lambda stream: stream.write((json.dumps(result, indent=2) + "\n").encode()))
    return result
