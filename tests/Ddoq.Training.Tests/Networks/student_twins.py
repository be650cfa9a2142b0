"""Twins of the student networks in PyTorch: reads weights and input as raw floats, writes the logits.

usage: student_twins.py FOLDER...
Each folder holds case.txt (NETWORK SIZE CHANNELS CLASSES), names.txt, weights.bin and input.bin. Exits with 77 where
torch is missing.
"""
import sys
from pathlib import Path

try:
    import numpy
    import torch
    from torch import nn
except ImportError:
    sys.exit(77)


def instance(channels):
    return nn.GroupNorm(channels, channels)


class ConvNet3(nn.Module):
    def __init__(self, size, channels, classes):
        super().__init__()
        for i in (1, 2, 3):
            padding = 3 if i == 1 and size == 28 else 1
            setattr(self, f"conv{i}", nn.Conv2d(3 if i == 1 else channels, channels, 3, padding=padding))
            setattr(self, f"norm{i}", instance(channels))
        side = (32 if size == 28 else size) // 8
        self.fc = nn.Linear(channels * side * side, classes)

    def forward(self, x):
        for i in (1, 2, 3):
            x = getattr(self, f"norm{i}")(getattr(self, f"conv{i}")(x))
            x = nn.functional.avg_pool2d(torch.relu(x), 2)
        return self.fc(x.flatten(1))


class Block(nn.Module):
    def __init__(self, inputs, outputs, halves, pools):
        super().__init__()
        norm = instance if pools else nn.BatchNorm2d
        stride = 2 if halves and not pools else 1
        self.pool = nn.AvgPool2d(2) if halves and pools else nn.Identity()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = norm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = norm(outputs)
        self.downsample = None
        if halves:
            parts = [nn.Conv2d(inputs, outputs, 1, stride, bias=False)]
            self.downsample = nn.Sequential(*parts, *([nn.AvgPool2d(2)] if pools else []), norm(outputs))

    def forward(self, x):
        y = self.pool(torch.relu(self.bn1(self.conv1(x))))
        y = self.bn2(self.conv2(y))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNetAp10(nn.Module):
    def __init__(self, size, channels, classes):
        super().__init__()
        kernel = 7 if size > 128 else 3
        self.layer0 = nn.Sequential()
        self.layer0.add_module("conv1", nn.Conv2d(3, channels, kernel, padding=kernel // 2, bias=False))
        self.layer0.add_module("bn1", instance(channels))
        self.pool = nn.AvgPool2d(4 if size > 128 else 2 if size > 64 else 1)
        for i in range(4):
            inputs = channels * (1, 1, 2, 4)[i]
            setattr(self, f"layer{i + 1}", nn.Sequential(Block(inputs, channels << i, i > 0, True)))
        self.fc = nn.Linear(8 * channels, classes)

    def forward(self, x):
        x = self.pool(torch.relu(self.layer0(x)))
        for i in range(4):
            x = getattr(self, f"layer{i + 1}")(x)
        return self.fc(x.mean((2, 3)))


class ResNet18(nn.Module):
    def __init__(self, size, channels, classes):
        super().__init__()
        standard = size >= 64
        self.conv1 = nn.Conv2d(3, channels, 7, 2, 3, bias=False) if standard else nn.Conv2d(3, channels, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.pool = nn.MaxPool2d(3, 2, 1) if standard else nn.Identity()
        for i in range(4):
            outputs = channels << i
            inputs = channels * (1, 1, 2, 4)[i]
            setattr(self, f"layer{i + 1}", nn.Sequential(Block(inputs, outputs, i > 0, False), Block(outputs, outputs, False, False)))
        self.fc = nn.Linear(8 * channels, classes)

    def forward(self, x):
        x = self.pool(torch.relu(self.bn1(self.conv1(x))))
        for i in range(4):
            x = getattr(self, f"layer{i + 1}")(x)
        return self.fc(x.mean((2, 3)))


def run(folder):
    name, *numbers = (folder / "case.txt").read_text().split()
    size, channels, classes = map(int, numbers)
    network = globals()[name](size, channels, classes)
    network.train()
    values = torch.from_numpy(numpy.fromfile(folder / "weights.bin", dtype=numpy.float32))
    parameters = dict(network.named_parameters())
    names = (folder / "names.txt").read_text().split()
    assert sorted(names) == sorted(parameters), f"names differ: {sorted(set(names) ^ set(parameters))}"
    start = 0
    with torch.no_grad():
        for entry in names:
            parameter = parameters[entry]
            parameter.copy_(values[start:start + parameter.numel()].view_as(parameter))
            start += parameter.numel()
        assert start == values.numel()
        images = torch.from_numpy(numpy.fromfile(folder / "input.bin", dtype=numpy.float32)).view(-1, 3, size, size)
        network(images).numpy().astype(numpy.float32).tofile(folder / "logits.bin")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for argument in sys.argv[1:]:
        run(Path(argument))
