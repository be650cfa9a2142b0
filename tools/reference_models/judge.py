#!/usr/bin/env python3
"""Measures generated images by a published teacher's verdict: agreement with their classes and Fréchet distance to the test images.

The folder is a set that `ddoq synthesize` wrote, for example from pure noise:

    ddoq quantize --latents latents --ipc 100 -o prototypes
    ddoq synthesize --prototypes prototypes --from-noise --scheduler ddim --seed 1 -o noise
    python3 judge.py --config fashion-mnist.toml --data DIR --model ../../models/fashion-mnist noise
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import data
import evaluate
import published
import settings
import teacher


def load_set(folder, channels):
    """Images [n, channels, H, W] in [0, 1] and labels [n], as the set's metadata list them."""
    train, mode = folder / "train", "L" if channels == 1 else "RGB"
    with open(train / "metadata.jsonl") as lines:
        records = [json.loads(line) for line in lines]
    images = np.stack([np.array(Image.open(train / record["file_name"]).convert(mode)) for record in records])
    images = images[:, None] if channels == 1 else images.transpose(0, 3, 1, 2)
    return data.to_unit(torch.from_numpy(images.copy())), torch.tensor([record["label"] for record in records])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="folder")
    parser.add_argument("--config", required=True, help="settings of the model's training; how images are fitted is read from it")
    parser.add_argument("--data", required=True, help="folder of the data set, for its test images")
    parser.add_argument("--model", required=True, help="folder of the published models; its teacher judges")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    judge, _ = published.read_teacher(args.model)
    images = data.load(args.data, settings.load(args.config).images)
    reference, _ = teacher.judge(judge, data.to_unit(images.test_images))
    for folder in args.folders:
        print(json.dumps({"folder": str(folder)} | evaluate.verdict(judge, *load_set(folder, judge.image_channels), reference)), flush=True)


if __name__ == "__main__":
    main()
