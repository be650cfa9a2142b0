#!/usr/bin/env python3
"""Measures generated images by a published teacher's verdict: agreement with their classes and Fréchet distance to the test images.

The folder holds train/<class>/*.png as `ddoq synthesize` writes it, for example from pure noise:

    ddoq quantize --latents latents --ipc 100 -o prototypes
    ddoq synthesize --prototypes prototypes --from-noise --scheduler ddim --seed 1 -o noise
    python3 judge.py --model ../../models/fashion-mnist noise
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
import teacher


def load_folder(folder):
    """Grey images [n, 1, 32, 32] in [0, 1] and labels [n] of an ImageFolder; class names as in the model, with '/' made safe."""
    images, labels = [], []
    for label, name in enumerate(data.CLASS_NAMES):
        files = sorted((folder / "train" / name.replace("/", "_")).glob("*.png"))
        if not files:
            raise SystemExit(f"error: {folder}: no images of class '{name}'")
        images += [np.array(Image.open(file).convert("L")) for file in files]
        labels += [label] * len(files)
    return data.to_unit(torch.from_numpy(np.stack(images)).unsqueeze(1)), torch.tensor(labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="folder")
    parser.add_argument("--model", required=True, help="folder of the published models; its teacher judges")
    parser.add_argument("--data-dir", default=data.DEFAULT_DATA_DIR)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    judge = published.load_folded(args.model, "teacher", teacher.Teacher())
    reference, _ = evaluate.features(judge, data.to_unit(data.load(args.data_dir, "test")[0]))
    for folder in args.folders:
        print(json.dumps({"folder": str(folder)} | evaluate.verdict(judge, *load_folder(folder), reference)), flush=True)


if __name__ == "__main__":
    main()
