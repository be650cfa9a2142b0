#!/usr/bin/env python3
"""Trains the teacher: a small residual classifier of 32 x 32 images.

It labels generated images, judges them in evaluate.py and gives the students their soft targets.
"""

import torch
from torch import nn
from torch.nn import functional as F

import data
import training

IMAGE_MEAN, IMAGE_STD = 0.2190, 0.3318  # of the padded training images in [0, 1]
WIDTHS = (32, 64, 128, 160)  # channels at 32 x 32, 16 x 16, 8 x 8 and 4 x 4


def convolution(inputs, outputs):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layers = nn.Sequential(convolution(width, width), convolution(width, width))

    def forward(self, x):
        return x + self.layers(x)


class Teacher(nn.Module):
    """pixel_values [b, 3, 32, 32], normalised -> logits [b, 10]."""

    def __init__(self):
        super().__init__()
        stem, first, second, third = WIDTHS
        self.layers = nn.Sequential(
            convolution(1, stem), nn.MaxPool2d(2),
            convolution(stem, first), Residual(first), nn.MaxPool2d(2),
            convolution(first, second), Residual(second), nn.MaxPool2d(2),
            convolution(second, third))
        self.head = nn.Linear(2 * third, data.CLASS_COUNT)

    def forward(self, pixel_values):
        features = self.layers(pixel_values.mean(1, keepdim=True))
        pooled = torch.cat([features.mean((2, 3)), features.amax((2, 3))], 1)
        return self.head(pooled)


def normalise(unit_images):
    """[0, 1] -> what the teacher expects."""
    return (unit_images - IMAGE_MEAN) / IMAGE_STD


@torch.no_grad()
def predict(model, unit_images, batch_size=500):
    """Logits of images [n, 1 or 3, 32, 32] in [0, 1]."""
    return torch.cat([model(normalise(part)) for part in unit_images.split(batch_size)])


def main():
    parser = training.argument_parser(__doc__, steps=4000, batch_size=128, learning_rate=2e-3, weight_decay=0.05)
    parser.add_argument("--shift", type=int, default=2, help="largest random shift in pixels")
    parser.add_argument("--label-smoothing", type=float, default=0.05)
    parser.set_defaults(cooldown=0.8, ema=0.998)
    args = parser.parse_args()
    device = training.prepare(args)
    images, labels = (tensor.to(device) for tensor in data.load(args.data_dir, args.part))
    model = Teacher().to(device, memory_format=torch.channels_last)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(images):,} images", flush=True)
    average = training.MovingAverage(model, args.ema)
    optimizer = training.adamw(model, args, betas=(0.9, 0.999))

    def compute_loss(step):
        generator = training.step_generator(args.seed, step)
        rows = training.batch_indices(len(images), args.batch_size, args.seed, step).to(device)
        batch = data.random_shift(data.random_flip(images[rows], generator), args.shift, generator)
        with training.autocast(args):
            logits = model(normalise(data.to_unit(batch))).float()
        loss = F.cross_entropy(logits, labels[rows], label_smoothing=args.label_smoothing)
        return loss, {"accuracy": (logits.argmax(1) == labels[rows]).float().mean()}

    def report(done):
        if args.part == "fit" and done % 500 == 0:
            held_images, held_labels = data.load(args.data_dir, "held_out")
            judge = Teacher()
            judge.load_state_dict(average.values)
            correct = predict(judge.eval(), data.to_unit(held_images)).argmax(1) == held_labels
            print(f"held-out accuracy {correct.float().mean():.4f}", flush=True)

    training.run(args, "teacher", model, average, optimizer, compute_loss, report)


if __name__ == "__main__":
    main()
