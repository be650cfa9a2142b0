"""Fashion-MNIST as the reference models see it: grey 28 x 28 images, padded with black to 32 x 32.

The arrays stay uint8 until a batch is taken, so the whole training set is 61 MB in memory.
"""

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import torch

DEFAULT_DATA_DIR = "/usr/share/datasets/fashion-mnist"
CLASS_NAMES = [
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
]
CLASS_COUNT = len(CLASS_NAMES)
IMAGE_SIZE = 32
PADDING = 2
HELD_OUT = 5_000  # last training images, set aside when a choice has to be made

_FILES = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}


def read_idx(path):
    """Reads one gzipped IDX file of unsigned bytes."""
    with gzip.open(path, "rb") as stream:
        data = stream.read()
    zero, kind, rank = struct.unpack(">HBB", data[:4])
    if zero != 0 or kind != 8:
        raise ValueError(f"{path}: expected an IDX file of unsigned bytes, found header {data[:4].hex()}")
    shape = struct.unpack(f">{rank}I", data[4:4 + 4 * rank])
    return np.frombuffer(data, dtype=np.uint8, offset=4 + 4 * rank).reshape(shape)


def load(data_dir, part):
    """Loads `train`, `test`, `fit` (train without the held-out tail) or `held_out`.

    Returns images uint8 [n, 1, 32, 32] and labels int64 [n].
    """
    images_file, labels_file = _FILES["test" if part == "test" else "train"]
    images = read_idx(Path(data_dir) / images_file)
    labels = read_idx(Path(data_dir) / labels_file)
    if len(images) != len(labels):
        raise ValueError(f"{data_dir}: {len(images)} images but {len(labels)} labels")
    images = np.pad(images, ((0, 0), (PADDING, PADDING), (PADDING, PADDING)))
    images, labels = torch.from_numpy(images).unsqueeze(1), torch.from_numpy(labels.astype(np.int64))
    if part == "fit":
        return images[:-HELD_OUT], labels[:-HELD_OUT]
    if part == "held_out":
        return images[-HELD_OUT:], labels[-HELD_OUT:]
    return images, labels


def to_signed(images):
    """uint8 -> float in [-1, 1]."""
    return images.float().div_(127.5).sub_(1.0)


def to_unit(images):
    """uint8 -> float in [0, 1]."""
    return images.float().div_(255.0)


def random_flip(images, generator):
    """Mirrors each image with probability one half."""
    flip = torch.rand(len(images), generator=generator) < 0.5
    return torch.where(flip.to(images.device).view(-1, 1, 1, 1), images.flip(-1), images)


def random_shift(images, reach, generator):
    """Moves each image by up to `reach` pixels each way, filling with black (value 0)."""
    count, _, height, width = images.shape
    padded = torch.nn.functional.pad(images, (reach, reach, reach, reach))
    moved = torch.empty_like(images)
    choice = torch.randint(0, (2 * reach + 1) ** 2, (count,), generator=generator).to(images.device)
    for offset in choice.unique().tolist():
        top, left = divmod(offset, 2 * reach + 1)
        rows = (choice == offset).nonzero(as_tuple=True)[0]
        moved[rows] = padded[rows, :, top:top + height, left:left + width]
    return moved


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
