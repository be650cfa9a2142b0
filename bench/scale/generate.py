#!/usr/bin/python3
"""Writes a synthetic latent store of any size, shard by shard, in constant memory.

Rows of a class scatter around a few modes; values fall off by a power law along the dimension, as the principal
components of real latents do (a rotation would change no distance, so none is applied). A row's noise is a stretch of one
long random sequence at a random place, which is far cheaper than fresh noise and just as unlike its neighbours.
"""
import argparse
import json
import pathlib
import struct

import numpy as np

ALIGNMENT = 64
POOL = 1 << 24
TYPES = {"F16": np.dtype("<f2"), "BF16": np.dtype("<u2"), "F32": np.dtype("<f4")}


def rows_of(class_index, count, options, pool, spectrum):
    random = np.random.default_rng([options.seed, class_index])
    centres = random.standard_normal((options.modes, options.dimension), dtype=np.float32) * spectrum
    starts = random.integers(0, POOL - options.dimension, count)
    noise = np.lib.stride_tricks.sliding_window_view(pool, options.dimension)[starts]
    return centres[random.integers(0, options.modes, count)] + noise * spectrum


def convert(values, name):
    if name == "BF16":
        bits = values.astype("<f4").view("<u4")
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")
    return values.astype(TYPES[name])


def write_shard(path, values, labels, metadata, name):
    shape = [len(labels), 4, values.shape[1] // 4, 1]
    header = {
        "__metadata__": metadata,
        "latents": {"dtype": name, "shape": shape, "data_offsets": [0, values.nbytes]},
        "labels": {"dtype": "I32", "shape": [len(labels)], "data_offsets": [values.nbytes, values.nbytes + labels.nbytes]},
    }
    text = json.dumps(header).encode()
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        values.tofile(file)
        labels.tofile(file)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--rows", type=int, nargs="+", default=[1300], help="rows per class; two numbers give a range")
    parser.add_argument("--dimension", type=int, default=4096, help="a multiple of 4")
    parser.add_argument("--type", choices=sorted(TYPES), default="F16")
    parser.add_argument("--modes", type=int, default=20)
    parser.add_argument("--exponent", type=float, default=1.2, help="variance falls with this power of the place")
    parser.add_argument("--shard-rows", type=int, default=32768)
    parser.add_argument("--mixed", action="store_true", help="shuffles each shard's rows, so that no class is contiguous")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    random = np.random.default_rng(options.seed)
    pool = random.standard_normal(POOL, dtype=np.float32)
    spectrum = (1 + np.arange(options.dimension, dtype=np.float32)) ** np.float32(-options.exponent / 2)
    spectrum *= np.float32(np.sqrt(options.dimension / np.sum(spectrum**2)))
    counts = random.integers(options.rows[0], options.rows[-1] + 1, options.classes)
    total = int(counts.sum())
    shards = -(-total // options.shard_rows)
    names = json.dumps([f"class{c:05d}" for c in range(options.classes)])
    metadata = {"ddoq_format": "latents/1", "class_names": names, "scaling_factor": "0.18215", "total_rows": str(total)}

    options.folder.mkdir(parents=True, exist_ok=True)
    values = np.empty((options.shard_rows, options.dimension), TYPES[options.type])
    labels = np.empty(options.shard_rows, "<i4")
    written = filled = 0
    files = []

    def flush():
        nonlocal written, filled
        name = f"latents-{len(files) + 1:05d}-of-{shards:05d}.safetensors"
        order = random.permutation(filled) if options.mixed else slice(0, filled)
        write_shard(options.folder / name, values[:filled][order], labels[:filled][order], {**metadata, "first_row": str(written)}, options.type)
        files.append({"file": name, "rows": filled})
        written += filled
        filled = 0

    for class_index in range(options.classes):
        rows = convert(rows_of(class_index, counts[class_index], options, pool, spectrum), options.type)
        for first in range(0, len(rows), options.shard_rows):
            rest = rows[first : first + options.shard_rows]
            while len(rest):
                take = min(len(rest), options.shard_rows - filled)
                values[filled : filled + take] = rest[:take]
                labels[filled : filled + take] = class_index
                filled += take
                rest = rest[take:]
                if filled == options.shard_rows:
                    flush()
    if filled:
        flush()
    index = {"metadata": {"total_rows": total}, "shards": files}
    (options.folder / "latents.safetensors.index.json").write_text(json.dumps(index))
    print(f"{total} rows of {options.dimension} {options.type} in {options.classes} classes, {len(files)} shards: {options.folder}")


if __name__ == "__main__":
    main()
