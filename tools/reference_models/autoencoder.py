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


def main():
    parser = training.argument_parser(__doc__, steps=4800, batch_size=64, learning_rate=1e-3, weight_decay=1e-4)
    parser.add_argument("--kl-weight", type=float, default=1e-3, help="of the KL divergence, mean over latent values")
    parser.add_argument("--edge-weight", type=float, default=0.5, help="of the absolute error of pixel differences")
    args = parser.parse_args()
    device = training.prepare(args)
    images, _ = data.load(args.data_dir, args.part)
    images = images.to(device)
    model = Autoencoder().to(device, memory_format=torch.channels_last)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(images):,} images", flush=True)
    average = training.MovingAverage(model, args.ema)
    optimizer = training.adamw(model, args)

    def compute_loss(step):
        generator = training.step_generator(args.seed, step)
        rows = training.batch_indices(len(images), args.batch_size, args.seed, step).to(device)
        target = data.to_signed(data.random_flip(images[rows], generator))
        noise = torch.randn(len(rows), LATENT_CHANNELS, LATENT_SIZE, LATENT_SIZE, generator=generator).to(device)
        with training.autocast(args):
            parameters = model.encoder(target).float()
            mean, log_variance = parameters.chunk(2, 1)
            latent = mean + (0.5 * log_variance).exp() * noise
            output = model.decoder(latent)[:, :1].float()
        absolute, squared = F.l1_loss(output, target), F.mse_loss(output, target)
        edge = sum(F.l1_loss(a, b) for a, b in zip(edges(output), edges(target)))
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
        loss = absolute + squared + args.edge_weight * edge + args.kl_weight * divergence
        decibel = -10 * torch.log10(squared.detach() / 4)
        return loss, {"l1": absolute, "psnr": decibel, "edge": edge, "kl": divergence, "latent_std": latent.detach().std()}

    training.run(args, "autoencoder", model, average, optimizer, compute_loss)


if __name__ == "__main__":
    main()
