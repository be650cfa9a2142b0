"""The teacher: a small residual classifier.

It labels images for the students, judges generated ones, and its features sharpen the decoder.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

import data
import training

NAME = "teacher"


@dataclass(frozen=True)
class Settings(training.Schedule):
    steps: int = 4000
    batch_size: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    cooldown: float = 0.8
    average: float = 0.998
    widths: tuple = (32, 64, 128, 160)  # channels at full size and after each halving
    blocks: tuple = (0, 1, 1, 0)  # residual blocks at each
    shift: int = 2  # largest random shift in pixels
    cutout: int = 0  # side of the random square that is blanked
    label_smoothing: float = 0.05


def convolution(inputs, outputs, folded):
    norm = nn.Identity() if folded else nn.BatchNorm2d(outputs)
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=folded), norm, nn.ReLU())


class Residual(nn.Module):
    def __init__(self, width, folded):
        super().__init__()
        self.layers = nn.Sequential(convolution(width, width, folded), convolution(width, width, folded))

    def forward(self, x):
        return x + self.layers(x)


class Teacher(nn.Module):
    """pixel_values [b, 3, H, W], normalised -> logits [b, classes]. Folded: batch norms are part of the convolutions."""

    def __init__(self, settings, image_channels, classes, mean, deviation, folded=False):
        super().__init__()
        self.image_channels = image_channels
        layers, inputs, self.taps = [], image_channels, []
        for width, blocks in zip(settings.widths, settings.blocks):
            if layers:
                layers.append(nn.MaxPool2d(2))
            layers += [convolution(inputs, width, folded), *(Residual(width, folded) for _ in range(blocks))]
            self.taps.append(len(layers) - 1)
            inputs = width
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(2 * inputs, classes)
        for name, values in (("mean", mean), ("deviation", deviation)):
            self.register_buffer(name, torch.tensor(values).view(1, -1, 1, 1))

    def forward(self, pixel_values):
        return self.head(self.pooled(pixel_values))

    def pooled(self, pixel_values):
        """The input of the last layer: averages, then maxima of each channel."""
        x = self.layers(pixel_values.mean(1, keepdim=True) if self.image_channels == 1 else pixel_values)
        return torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)

    def normalise(self, unit_images):
        """[0, 1] -> what the network expects."""
        return (unit_images - self.mean) / self.deviation

    def tap(self, signed_images):
        """Features of images in [-1, 1] at the end of every resolution."""
        x, kept = self.normalise(signed_images * 0.5 + 0.5), []
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if index in self.taps:
                kept.append(x)
        return kept


def fold(values):
    """The tensors of a trained network with each batch norm folded into the convolution before it."""
    folded = {}
    for name, value in values.items():
        prefix, _, kind = name.rpartition(".")
        if f"{prefix}.running_var" in values:
            continue
        norm = f"{prefix[:-1]}1"  # the layer behind the convolution X.0 is X.1
        if f"{norm}.running_var" not in values:
            folded[name] = value
            continue
        scale = values[f"{norm}.weight"] / (values[f"{norm}.running_var"] + nn.BatchNorm2d(1).eps).sqrt()
        folded[name] = value * scale.view(-1, 1, 1, 1)
        folded[f"{prefix}.bias"] = values[f"{norm}.bias"] - values[f"{norm}.running_mean"] * scale
    return folded


def statistics(images):
    """Mean and standard deviation of each channel of images uint8 [n, c, h, w], in [0, 1], to four digits."""
    sums = [(part.double().sum((0, 2, 3)), part.double().square().sum((0, 2, 3))) for part in images.split(4096)]
    count = images.numel() / images.shape[1]
    mean, square = (sum(values) / count for values in zip(*sums))
    deviation = (square - mean.square()).sqrt()
    return tuple([round(float(value) / 255, 4) for value in values] for values in (mean, deviation))


def build(current, folded=False, mean=(), deviation=()):
    channels = current.data.channels
    return Teacher(current.settings.teacher, channels, len(current.data.class_names), mean or [0.0] * channels, deviation or [1.0] * channels, folded)


def load(current):
    return current.load_weights(NAME, build(current, folded=True)).to(memory_format=torch.channels_last)


@torch.no_grad()
def judge(model, unit_images, batch_size=500):
    """Pooled features and logits of images [n, 1 or 3, H, W] in [0, 1]."""
    features = [model.pooled(model.normalise(part)) for part in unit_images.split(batch_size)]
    features = torch.cat(features)
    return features, model.head(features)


def train(current):
    if current.is_trained(NAME):
        return
    settings, images, labels = current.settings.teacher, current.data.images, current.data.labels
    model = current.untrained(lambda: build(current, False, *statistics(images))).to(memory_format=torch.channels_last)
    batches = training.Batches(current, len(images), settings.batch_size)

    def compute_loss(step, generator):
        rows = batches.rows(step)
        batch = data.random_move(images[rows], generator, current.settings.images.mirror, settings.shift)
        pixels = model.normalise(data.to_unit(batch)).contiguous(memory_format=torch.channels_last)
        if settings.cutout:
            pixels = data.random_cutout(pixels, generator, settings.cutout)
        with current.autocast():
            logits = model(pixels).float()
        loss = F.cross_entropy(logits, labels[rows], label_smoothing=settings.label_smoothing)
        return loss, {"accuracy": (logits.argmax(1) == labels[rows]).float().mean()}

    training.fit(current, NAME, model, compute_loss, betas=(0.9, 0.999), finish=fold)
