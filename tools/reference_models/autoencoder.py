"""The variational autoencoder: images <-> latents of a quarter (or eighth) of the side.

Without normalisation layers: each residual block starts as the identity (its last convolution
is zero), which trains well at this depth and leaves only convolutions and ReLU in the export.
Of grey data the encoder averages the colour channels and the decoder repeats its one.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

import data
import training

NAME = "autoencoder"


@dataclass(frozen=True)
class Settings(training.Schedule):
    steps: int = 4800
    weight_decay: float = 1e-4
    latent_channels: int = 4
    widths: tuple = (16, 64, 96)  # channels at full size and after each halving
    blocks: tuple = (1, 1, 2)  # residual blocks at each; the encoder has none at full size
    kl_weight: float = 1e-3  # of the KL divergence, mean over latent values
    edge_weight: float = 0.5  # of the absolute error of pixel differences

    @property
    def downsample(self):
        return 2 ** (len(self.widths) - 1)


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
    """[b, 3, H, W] in [-1, 1] -> [b, 2 c, h, w]: the means, then the log-variances."""

    def __init__(self, settings, image_channels):
        super().__init__()
        self.image_channels, self.latent_channels = image_channels, settings.latent_channels
        layers, inputs = [], image_channels
        for width, blocks in zip(settings.widths[1:], settings.blocks[1:]):
            layers += [nn.Conv2d(inputs, width, 4, stride=2, padding=1), *(Residual(width) for _ in range(blocks))]
            inputs = width
        self.layers = nn.Sequential(*layers, nn.ReLU(), nn.Conv2d(inputs, 2 * settings.latent_channels, 3, padding=1))

    def forward(self, sample):
        parameters = self.layers(sample.mean(1, keepdim=True) if self.image_channels == 1 else sample)
        mean, log_variance = parameters[:, :self.latent_channels], parameters[:, self.latent_channels:]
        return torch.cat([mean, log_variance.clamp(-30.0, 20.0)], 1)


class Decoder(nn.Module):
    """[b, c, h, w] unscaled latents -> [b, 3, H, W], nominally in [-1, 1]."""

    def __init__(self, settings, image_channels):
        super().__init__()
        self.image_channels = image_channels
        layers, inputs = [], settings.latent_channels
        for width, blocks in zip(reversed(settings.widths), reversed(settings.blocks)):
            if not layers:
                layers.append(nn.Conv2d(inputs, width, 3, padding=1))
            else:
                layers += [nn.ReLU(), nn.Conv2d(inputs, 4 * width, 3, padding=1), nn.PixelShuffle(2)]
            layers += [Residual(width) for _ in range(blocks)]
            inputs = width
        self.layers = nn.Sequential(*layers, nn.ReLU(), nn.Conv2d(inputs, image_channels, 3, padding=1))

    def forward(self, latent_sample):
        image = self.layers(latent_sample)
        return torch.cat([image, image, image], 1) if self.image_channels == 1 else image


class Autoencoder(nn.Module):
    def __init__(self, settings, image_channels):
        super().__init__()
        self.encoder, self.decoder = Encoder(settings, image_channels), Decoder(settings, image_channels)

    def forward(self, image, noise):
        mean, log_variance = self.encoder(image).float().chunk(2, 1)
        latent = sample(mean, log_variance, noise)
        return self.decoder(latent)[:, :image.shape[1]].float(), latent, mean, log_variance


def build(current):
    return Autoencoder(current.settings.autoencoder, current.data.channels)


def load(current):
    return current.load_weights(NAME, build(current)).to(memory_format=torch.channels_last)


def latent_shape(current):
    settings = current.settings.autoencoder
    size = current.settings.images.size // settings.downsample
    return settings.latent_channels, size, size


def sample(mean, log_variance, noise):
    """Latents of the posterior."""
    return mean + (0.5 * log_variance).exp() * noise


def edges(image):
    """Differences of neighbouring pixels, across and down."""
    return image[..., 1:] - image[..., :-1], image[..., 1:, :] - image[..., :-1, :]


def pixel_error(output, target, edge_weight):
    """Absolute, squared and edge error of images in [-1, 1] as one loss, and the figures to print."""
    absolute, squared = F.l1_loss(output, target), F.mse_loss(output, target)
    edge = sum(F.l1_loss(a, b) for a, b in zip(edges(output), edges(target)))
    decibel = -10 * torch.log10(squared.detach() / 4)
    return absolute + squared + edge_weight * edge, {"l1": absolute, "psnr": decibel, "edge": edge}


class Examples:
    """A step's images in [-1, 1], some of them mirrored, and the noise of their latents."""

    def __init__(self, current, batch_size):
        self.current, self.batches = current, training.Batches(current, len(current.data.images), batch_size)

    def draw(self, step, generator):
        images = self.current.data.images[self.batches.rows(step)]
        images = data.random_move(images, generator, self.current.settings.images.mirror)
        noise = torch.randn(len(images), *latent_shape(self.current), generator=generator, device=images.device)
        return data.to_signed(images).contiguous(memory_format=torch.channels_last), noise


def train(current):
    if current.is_trained(NAME):
        return
    settings = current.settings.autoencoder
    model = current.untrained(lambda: build(current)).to(memory_format=torch.channels_last)
    examples = Examples(current, settings.batch_size)

    def compute_loss(step, generator):
        target, noise = examples.draw(step, generator)
        with current.autocast():
            output, latent, mean, log_variance = model(target, noise)
        error, figures = pixel_error(output, target, settings.edge_weight)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
        return error + settings.kl_weight * divergence, {**figures, "kl": divergence, "latent_std": latent.std()}

    training.fit(current, NAME, model, compute_loss)
