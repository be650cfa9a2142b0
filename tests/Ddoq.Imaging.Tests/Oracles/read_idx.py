"""read_idx.py FOLDER: for each split, SHA-256 of pixels and labels as gzip and numpy read them, and class counts."""
import gzip
import hashlib
import pathlib
import sys

from oracle import require

numpy = require("numpy")

folder = pathlib.Path(sys.argv[1])
for split in ("train", "t10k"):
    with gzip.open(folder / f"{split}-images-idx3-ubyte.gz") as stream:
        pixels = numpy.frombuffer(stream.read(), numpy.uint8, offset=16)
    with gzip.open(folder / f"{split}-labels-idx1-ubyte.gz") as stream:
        labels = numpy.frombuffer(stream.read(), numpy.uint8, offset=8)
    counts = ",".join(map(str, numpy.bincount(labels)))
    print(split, hashlib.sha256(pixels.tobytes()).hexdigest(), hashlib.sha256(labels.tobytes()).hexdigest(), counts)
