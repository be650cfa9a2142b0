#!/usr/bin/env python3
"""Trains the variational autoencoder: 32 x 32 images <-> latents of 4 channels, 8 x 8.

Without normalisation layers: each residual block starts as the identity (its last convolution
is zero), which trains well at this depth and leaves only convolutions and ReLU in the export.
The data are grey: the encoder averages the colour channels, the decoder repeats its one.
"""

import torch
from torch import nn
from torch.nn import functional as F

import data
import training

LATENT_CHANNELS = 4
DOWNSAMPLE = 4
LATENT_SIZE = data.IMAGE_SIZE // DOWNSAMPLE
WIDTHS = (16, 64, 96)  # channels at 32 x 32, 16 x 16 and 8 x 8
EDGE_WEIGHT = 0.5  # of the absolute error of pixel differences in the loss


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.kaiming_normal_(self.first.weight, nonlinearity="relu")
        nn.init.zeros_(self.second.weight)

    def forward(self, x):
        return x + self.second(F.relu(self.first(F.relu(x))))


class Encoder(nn.Module):
    """[b, 3, 32, 32] in [-1, 1] -> [b, 8, 8, 8]: four means, then four log-variances."""

    def __init__(self):
        super().__init__()
        _, middle, deep = WIDTHS
        self.layers = nn.Sequential(
            nn.Conv2d(1, middle, 4, stride=2, padding=1), Residual(middle),
            nn.Conv2d(middle, deep, 4, stride=2, padding=1), Residual(deep), Residual(deep),
            nn.ReLU(), nn.Conv2d(deep, 2 * LATENT_CHANNELS, 3, padding=1))

    def forward(self, sample):
        parameters = self.layers(sample.mean(1, keepdim=True))
        mean, log_variance = parameters[:, :LATENT_CHANNELS], parameters[:, LATENT_CHANNELS:]
        return torch.cat([mean, log_variance.clamp(-30.0, 20.0)], 1)


class Decoder(nn.Module):
    """[b, 4, 8, 8] unscaled latents -> [b, 3, 32, 32], nominally in [-1, 1]."""

    def __init__(self):
        super().__init__()
        fine, middle, deep = WIDTHS
        self.layers = nn.Sequential(
            nn.Conv2d(LATENT_CHANNELS, deep, 3, padding=1), Residual(deep), Residual(deep),
            nn.ReLU(), nn.Conv2d(deep, 4 * middle, 3, padding=1), nn.PixelShuffle(2), Residual(middle),
            nn.ReLU(), nn.Conv2d(middle, 4 * fine, 3, padding=1), nn.PixelShuffle(2), Residual(fine),
            nn.ReLU(), nn.Conv2d(fine, 1, 3, padding=1))

    def forward(self, latent_sample):
        grey = self.layers(latent_sample)
        return torch.cat([grey, grey, grey], 1)


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()


def edges(image):
    """Differences of neighbouring pixels, across and down."""
    return image[..., 1:] - image[..., :-1], image[..., 1:, :] - image[..., :-1, :]


def draw(images, args, step, device):
    """One step's images in [-1, 1], some of them mirrored, and the noise of their latents."""
    generator = training.step_generator(args.seed, step)
    rows = training.batch_indices(len(images), args.batch_size, args.seed, step).to(device)
    target = data.to_signed(data.random_flip(images[rows], generator))
    return target, torch.randn(len(rows), LATENT_CHANNELS, LATENT_SIZE, LATENT_SIZE, generator=generator).to(device)


def sample(mean, log_variance, noise):
    """Latents of the posterior."""
    return mean + (0.5 * log_variance).exp() * noise


def pixel_error(output, target, edge_weight):
    """Absolute, squared and edge error of images in [-1, 1] as one loss, and the figures to print."""
    absolute, squared = F.l1_loss(output, target), F.mse_loss(output, target)
    edge = sum(F.l1_loss(a, b) for a, b in zip(edges(output), edges(target)))
    decibel = -10 * torch.log10(squared.detach() / 4)
    return absolute + squared + edge_weight * edge, {"l1": absolute, "psnr": decibel, "edge": edge}


def main():
    parser = training.argument_parser(__doc__, steps=4800, batch_size=64, learning_rate=1e-3, weight_decay=1e-4)
    parser.add_argument("--kl-weight", type=float, default=1e-3, help="of the KL divergence, mean over latent values")
    parser.add_argument("--edge-weight", type=float, default=EDGE_WEIGHT, help="of the absolute error of pixel differences")
    args = parser.parse_args()
    device = training.prepare(args)
    images, _ = data.load(args.data_dir, args.part)
    images = images.to(device)
    model = Autoencoder().to(device, memory_format=torch.channels_last)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(images):,} images", flush=True)
    average = training.MovingAverage(model, args.ema)
    optimizer = training.adamw(model, args)

    def compute_loss(step):
        target, noise = draw(images, args, step, device)
        with training.autocast(args):
            mean, log_variance = model.encoder(target).float().chunk(2, 1)
            latent = sample(mean, log_variance, noise)
            output = model.decoder(latent)[:, :1].float()
        error, figures = pixel_error(output, target, args.edge_weight)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
        return error + args.kl_weight * divergence, {**figures, "kl": divergence, "latent_std": latent.detach().std()}

    training.run(args, "autoencoder", model, average, optimizer, compute_loss)


if __name__ == "__main__":
    main()
