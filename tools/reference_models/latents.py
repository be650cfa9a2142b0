"""Latents of the training images and their mirror images, with the factor that brings them to unit scale."""

import torch

import autoencoder
import data
import training

NAME = "latents"


@torch.no_grad()
def encode(encoder, images, batch_size=500, half=False):
    """Means and standard deviations [n, 4, 8, 8] of the posteriors, unscaled.

    half: bfloat16 convolutions, whose rounding stays far below the deviation of the posterior.
    """
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        parts = [encoder(data.to_signed(part).contiguous(memory_format=torch.channels_last)).float()
                 for part in images.split(batch_size)]
    mean, log_variance = torch.cat(parts).chunk(2, 1)
    return mean.contiguous(), (0.5 * log_variance).exp()


def load(checkpoint_dir, data_dir, part):
    """Computes the latents once per autoencoder checkpoint; later calls read them back.

    Returns a dictionary: mean and deviation [2, n, 4, 8, 8] (images, mirrored images), scaling_factor.
    """
    model = autoencoder.Autoencoder()
    step = training.load_average(checkpoint_dir, "autoencoder", model)["step"]
    path = training.checkpoint_path(checkpoint_dir, NAME)
    if path.exists():
        known = torch.load(path)
        if known["autoencoder_step"] == step and known["part"] == part:
            return known
    images, _ = data.load(data_dir, part)
    encoder = model.encoder.to(memory_format=torch.channels_last)
    plain, mirrored = encode(encoder, images, half=True), encode(encoder, images.flip(-1), half=True)
    mean, deviation = (torch.stack(pair) for pair in zip(plain, mirrored))
    variance = plain[0].double().var() + plain[1].double().square().mean()
    result = {
        "mean": mean, "deviation": deviation, "scaling_factor": float(variance.rsqrt()),
        "autoencoder_step": step, "part": part,
    }
    torch.save(result, path)
    return result


def statistics(latents):
    """Moments per channel of the scaled means, to see how far from Gaussian they are."""
    scaled = latents["mean"][0].double() * latents["scaling_factor"]
    flat = scaled.transpose(0, 1).flatten(1)
    centred = flat - flat.mean(1, keepdim=True)
    deviation = centred.square().mean(1).sqrt()
    noise = (latents["deviation"][0].double() * latents["scaling_factor"]).square().mean((0, 2, 3)).sqrt()
    return {
        "mean": flat.mean(1).tolist(), "std": deviation.tolist(),
        "skewness": ((centred ** 3).mean(1) / deviation ** 3).tolist(),
        "kurtosis": ((centred ** 4).mean(1) / deviation ** 4).tolist(),
        "posterior_std": noise.tolist(), "largest": scaled.abs().max().item(),
    }
