"""Latents of the training images and their mirror images, with the factor that brings them to unit scale."""

from dataclasses import dataclass

import torch

import autoencoder
import data
import weights

NAME = "latents"


@dataclass
class Latents:
    """Posteriors [1 or 2, n, c, h, w], unscaled (images, and mirrored images where mirroring is allowed)."""

    mean: torch.Tensor
    deviation: torch.Tensor
    scaling_factor: float

    def draw(self, rows, generator):
        """Scaled samples of the posteriors of these rows, mirrored at random."""
        mirrored = torch.randint(0, len(self.mean), (len(rows),), generator=generator, device=rows.device)
        noise = torch.randn(len(rows), *self.mean.shape[2:], generator=generator, device=rows.device)
        return (self.mean[mirrored, rows].float() + self.deviation[mirrored, rows].float() * noise) * self.scaling_factor


@torch.no_grad()
def encode(encoder, images, batch_size=500):
    """Means and standard deviations of the posteriors, unscaled."""
    parts = [encoder(data.to_signed(part).contiguous(memory_format=torch.channels_last)).float() for part in images.split(batch_size)]
    mean, log_variance = torch.cat(parts).chunk(2, 1)
    return mean.contiguous(), (0.5 * log_variance).exp()


def load(current):
    """Computes the latents once per autoencoder; later calls read them back."""
    path, source = current.folder / f"{NAME}.pt", weights.sha256(current.weights_path(autoencoder.NAME))
    if path.exists():
        known = torch.load(path, map_location=current.device)
        if known["autoencoder"] == source:
            return Latents(known["mean"], known["deviation"], known["scaling_factor"])
    encoder, images = autoencoder.load(current).encoder, current.data.images
    views = [images, images.flip(-1)] if current.settings.images.mirror else [images]
    with current.autocast():  # its rounding stays far below the deviation of the posterior
        mean, deviation = (torch.stack(part) for part in zip(*(encode(encoder, view) for view in views)))
    variance = mean[0].double().var() + deviation[0].double().square().mean()
    known = {"mean": mean.half(), "deviation": deviation.half(), "scaling_factor": float(variance.rsqrt()), "autoencoder": source}
    weights.replace_file(path, lambda stream: torch.save(known, stream))
    return Latents(known["mean"], known["deviation"], known["scaling_factor"])


def statistics(latents):
    """Moments per channel of the scaled means, to see how far from Gaussian they are."""
    flat = (latents.mean[0].double() * latents.scaling_factor).transpose(0, 1).flatten(1)
    centred = flat - flat.mean(1, keepdim=True)
    deviation = centred.square().mean(1).sqrt()
    noise = (latents.deviation[0].double() * latents.scaling_factor).square().mean((0, 2, 3)).sqrt()
    return {
        "mean": flat.mean(1).tolist(), "std": deviation.tolist(),
        "skewness": ((centred ** 3).mean(1) / deviation ** 3).tolist(),
        "kurtosis": ((centred ** 4).mean(1) / deviation ** 4).tolist(),
        "posterior_std": noise.tolist(),
    }
