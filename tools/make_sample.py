#!/usr/bin/python3
"""Make samples/fashion-mnist: a small class-balanced part of Fashion-MNIST, in the dataset's own format.

Which images: an image's rank is SHA-256("ddoq-sample/<seed>/<split>/<index>"), and each class keeps the images of
lowest rank. That depends on no library's random generator, so any later version of Python chooses the same images.
Kept images stay in their original order, whose classes are already mixed.

Which bytes: the gzip headers carry no name and no time. The compressed bytes still belong to one version of zlib,
so README.md lists the SHA-256 of the contents as well, and --check compares contents.

    tools/make_sample.py                   write samples/fashion-mnist from the installed dataset
    tools/make_sample.py --check           fail if the files there are not what would be written

The dataset comes from Debian's package dataset-fashion-mnist, or from any folder with the four IDX files (--source).
Needs numpy. LICENSE in the folder is kept by hand.
"""

import argparse
import gzip
import hashlib
import io
import pathlib
import sys

import numpy

SEED = 20170825
SPLITS = {"train": ("train", 1200), "test": ("t10k", 200)}
CLASS_NAMES = [
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
]
CLASSES = len(CLASS_NAMES)
IMAGES_MAGIC = 0x00000803  # unsigned byte, three dimensions
LABELS_MAGIC = 0x00000801  # unsigned byte, one dimension

README = """# Fashion-MNIST, a part

{train} training and {test} test images of Fashion-MNIST: {per_train} and {per_test} of each of the {classes} classes, 28x28, grey.
The images and labels are those of the dataset, unchanged and in their original order. Small enough to ship, and real:
the tests, the demo and the first benchmark run on it without a download.

- **Source**: Fashion-MNIST by Zalando Research (Xiao, Rasul, Vollgraf, 2017, arXiv:1708.07747), as packaged by Debian
  in `dataset-fashion-mnist`. MIT licence, see `LICENSE`.
- **Choice**: per class the images with the lowest SHA-256 of `ddoq-sample/{seed}/<split>/<index>`, seed {seed}.
- **Made by** `tools/make_sample.py`; `tools/make_sample.py --check` compares this folder with a fresh selection.
- **Format**: IDX under gzip, with the standard file names. `classes.txt` holds one class name a line, in label order;
  names are the dataset's own.

A score on this part is not a score on Fashion-MNIST (60,000 and 10,000 images): say which one a table used.

| file | bytes | SHA-256 of the file | SHA-256 of its contents |
|---|---|---|---|
{rows}
"""


def read_idx(path, magic):
    data = gzip.decompress(path.read_bytes())
    if int.from_bytes(data[:4], "big") != magic:
        sys.exit(f"error: {path} does not start with the IDX magic number {magic:#010x}")
    rank = magic & 0xFF
    shape = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "big") for i in range(rank)]
    return numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * rank).reshape(shape)


def write_idx(array, magic):
    header = magic.to_bytes(4, "big") + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + numpy.ascontiguousarray(array).tobytes()


def compress(content):
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as stream:
        stream.write(content)
    return buffer.getvalue()


def choose(labels, split, per_class):
    """Indices of the kept images, ascending."""
    kept = []
    for label in range(CLASSES):
        indices = numpy.flatnonzero(labels == label).tolist()
        if len(indices) < per_class:
            sys.exit(f"error: {split} has {len(indices)} images of class {label}, {per_class} are needed")
        indices.sort(key=lambda i: hashlib.sha256(f"ddoq-sample/{SEED}/{split}/{i}".encode()).digest())
        kept += indices[:per_class]
    return numpy.sort(numpy.array(kept))


def make_contents(source):
    contents = {}
    for split, (prefix, per_class) in SPLITS.items():
        images = read_idx(source / f"{prefix}-images-idx3-ubyte.gz", IMAGES_MAGIC)
        labels = read_idx(source / f"{prefix}-labels-idx1-ubyte.gz", LABELS_MAGIC)
        if len(images) != len(labels):
            sys.exit(f"error: {source}: {len(images)} images but {len(labels)} labels in split {split}")
        kept = choose(labels, split, per_class)
        contents[f"{prefix}-images-idx3-ubyte.gz"] = write_idx(images[kept], IMAGES_MAGIC)
        contents[f"{prefix}-labels-idx1-ubyte.gz"] = write_idx(labels[kept], LABELS_MAGIC)
    return contents


def write(target, contents):
    target.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, content in contents.items():
        compressed = compress(content)
        (target / name).write_bytes(compressed)
        digests = hashlib.sha256(compressed).hexdigest(), hashlib.sha256(content).hexdigest()
        rows.append(f"| {name} | {len(compressed):,} | {digests[0]} | {digests[1]} |")
    (target / "classes.txt").write_text("\n".join(CLASS_NAMES) + "\n")
    (target / "README.md").write_text(README.format(
        train=f"{SPLITS['train'][1] * CLASSES:,}", test=f"{SPLITS['test'][1] * CLASSES:,}",
        per_train=f"{SPLITS['train'][1]:,}", per_test=SPLITS["test"][1],
        classes=CLASSES, seed=SEED, rows="\n".join(rows)))
    print("\n".join(rows))


def check(target, contents):
    wrong = [name for name, content in contents.items()
             if not (target / name).is_file() or gzip.decompress((target / name).read_bytes()) != content]
    if wrong:
        sys.exit(f"error: {target}: not what this script makes: {', '.join(wrong)}")
    print(f"{target}: as made")


def main():
    repository = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description="Make the part of Fashion-MNIST that is shipped in samples/.")
    parser.add_argument("--source", type=pathlib.Path, default=pathlib.Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--output", type=pathlib.Path, default=repository / "samples" / "fashion-mnist")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    arguments = parser.parse_args()
    if not arguments.source.is_dir():
        sys.exit(f"error: {arguments.source} is not there\nhint: install Debian's dataset-fashion-mnist, or give --source")
    contents = make_contents(arguments.source)
    (check if arguments.check else write)(arguments.output, contents)


if __name__ == "__main__":
    main()
