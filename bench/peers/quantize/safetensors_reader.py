"""Reads latent stores with the standard library and numpy alone."""
import json
import pathlib

import numpy as np

TYPES = {"F16": np.float16, "F32": np.float32, "I32": np.int32, "I64": np.int64}


def read_file(path):
    """All tensors of a safetensors file: 8 bytes of header length, a JSON header, the data."""
    with open(path, "rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(length))
    data = np.memmap(path, np.uint8, "r", 8 + length)
    header.pop("__metadata__", None)
    return {name: data[slice(*entry["data_offsets"])].view(TYPES[entry["dtype"]]).reshape(entry["shape"]) for name, entry in header.items()}


def read_store(folder):
    """(latents [n, c, h, w] float16, labels [n]) of a store in the order of its shards."""
    shards = [read_file(path) for path in sorted(pathlib.Path(folder).glob("latents-*.safetensors"))]
    return np.concatenate([shard["latents"] for shard in shards]), np.concatenate([shard["labels"] for shard in shards])
