#!/usr/bin/env python3
"""Sharpens the decoder of a published model folder; encoder, latents and diffusion networks stay as they are.

The autoencoder's own losses make the decoder answer what it cannot know with the average, which is blurred. Here it is
trained on, against a discriminator of image patches and the teacher's features, as the decoders of latent diffusion
models are. The scale of both terms is small beside the pixel error, so that shape and shade stay where they were.
"""

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

import autoencoder
import data
import export
import published
import teacher
import training

NAME = "decoder"
TAPS = (0, 3, 6, 8)  # the teacher's layers whose outputs are compared: 32 x 32, 16 x 16, 8 x 8 and 4 x 4


class Discriminator(nn.Module):
    """[b, 1, 32, 32] -> [b, 1, 8, 8]: one verdict per patch of 22 x 22 pixels."""

    def __init__(self, width=48):
        super().__init__()
        self.layers = nn.Sequential(
            spectral_norm(nn.Conv2d(1, width, 4, stride=2, padding=1)), nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)), nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(2 * width, 2 * width, 3, padding=1)), nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(2 * width, 1, 1)))

    def forward(self, image):
        return self.layers(image)


class Pair(nn.Module):
    """Both networks under one optimiser and one checkpoint."""

    def __init__(self, decoder):
        super().__init__()
        self.decoder, self.discriminator = decoder, Discriminator()


def tap(judge, signed_images):
    """The teacher's features of images in [-1, 1] at the layers TAPS."""
    x, kept = teacher.normalise(signed_images * 0.5 + 0.5), []
    for index, layer in enumerate(judge.layers):
        x = layer(x)
        if index in TAPS:
            kept.append(x)
    return kept


def main():
    parser = training.argument_parser(__doc__, steps=3000, batch_size=64, learning_rate=4e-4, weight_decay=1e-4)
    parser.add_argument("--model", default="models/fashion-mnist", help="the published folder; its decoder is replaced")
    parser.add_argument("--feature-weight", type=float, default=0.1, help="of the squared error of the teacher's features")
    parser.add_argument("--adversarial-weight", type=float, default=0.03, help="of the discriminator's verdict")
    parser.add_argument("--export-only", action="store_true", help="write the decoder of the last checkpoint")
    parser.set_defaults(ema=0.998, warmup=100)
    args = parser.parse_args()
    device = training.prepare(args)
    encoder = published.load(args.model, "vae_encoder", autoencoder.Encoder()).to(device, memory_format=torch.channels_last)
    judge = published.load_folded(args.model, "teacher", teacher.Teacher()).to(device, memory_format=torch.channels_last)
    model = Pair(published.load(args.model, "vae_decoder", autoencoder.Decoder()).train().requires_grad_(True))
    model = model.to(device, memory_format=torch.channels_last)
    if not args.export_only:
        train(args, device, encoder, judge, model)
    training.load_average(args.checkpoint_dir, NAME, model)
    latent = torch.randn(2, autoencoder.LATENT_CHANNELS, autoencoder.LATENT_SIZE, autoencoder.LATENT_SIZE)
    export.export_graph(model.decoder.cpu(), (latent,), ["latent_sample"], "sample", Path(args.model) / "vae_decoder")


def train(args, device, encoder, judge, model):
    images, _ = data.load(args.data_dir, args.part)
    images = images.to(device)
    average = training.MovingAverage(model, args.ema)
    optimizer = training.adamw(model, args, betas=(0.5, 0.99))

    def compute_loss(step):
        target, noise = autoencoder.draw(images, args, step, device)
        target = target.contiguous(memory_format=torch.channels_last)
        with training.autocast(args):
            with torch.no_grad():
                mean, log_variance = encoder(target).float().chunk(2, 1)
                wanted = tap(judge, target)
            output = model.decoder(autoencoder.sample(mean, log_variance, noise))[:, :1].float()
            # Values beyond the range are clamped when images are written: the critics see them so.
            seen = output + (output.clamp(-1, 1) - output).detach()
            feature = sum(F.mse_loss(a.float(), b.float()) / b.float().square().mean() for a, b in zip(tap(judge, seen), wanted))
            model.discriminator.requires_grad_(False)
            verdict = model.discriminator(seen).float()
            model.discriminator.requires_grad_(True)
            real, fake = model.discriminator(target).float(), model.discriminator(seen.detach()).float()
        error, figures = autoencoder.pixel_error(output, target, autoencoder.EDGE_WEIGHT)
        critic = F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        loss = error + args.feature_weight * feature - args.adversarial_weight * verdict.mean() + critic
        return loss, {**figures, "feature": feature, "verdict": verdict.mean(), "critic": critic}

    training.run(args, NAME, model, average, optimizer, compute_loss)


if __name__ == "__main__":
    main()
