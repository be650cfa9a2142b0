#!/usr/bin/env python3
"""Trains a small network on a distilled set with weighted loss: train_student.py SET [UPDATES]."""
import sys

import torch
from torch.utils.data import DataLoader

import ddoq


def main(folder: str, updates: int = 100) -> float:
    torch.manual_seed(0)
    data = ddoq.DistilledDataset(folder)
    image = data[0].image
    student = torch.nn.Sequential(
        torch.nn.Conv2d(image.shape[0], 32, 3, padding=1), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(4),
        torch.nn.Flatten(), torch.nn.Linear(512, len(data.classes)))
    optimizer = torch.optim.AdamW(student.parameters(), 1e-2)
    loader = DataLoader(data, batch_size=50, shuffle=True)
    for update in range(updates):
        batch = next(iter(loader))
        loss = ddoq.weighted_cross_entropy(student(batch.image), batch.label, batch.weight)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        images = torch.stack([sample.image for sample in data])
        accuracy = (student(images).argmax(1) == torch.from_numpy(data.labels)).float().mean().item()
    print(f"{len(data)} images of {len(data.classes)} classes, loss {loss.item():.3f}, training accuracy {100 * accuracy:.1f} %")
    return accuracy


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:3]))
