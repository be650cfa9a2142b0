#!/usr/bin/env python3
"""Measures generated images by a published teacher's verdict: agreement with their classes and Fréchet distance to the test images.

The folder is a set that `ddoq synthesize` wrote, for example from pure noise:

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
    """Grey images [n, 1, 32, 32] in [0, 1] and labels [n], as the set's metadata list them."""
    train = folder / "train"
    with open(train / "metadata.jsonl") as lines:
        records = [json.loads(line) for line in lines]
    images = [np.array(Image.open(train / record["file_name"]).convert("L")) for record in records]
    return data.to_unit(torch.from_numpy(np.stack(images)).unsqueeze(1)), torch.tensor([record["label"] for record in records])


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
