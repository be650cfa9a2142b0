"""Weights as they leave a training: a safetensors file with the averaged tensors and a record of the training.

Large tensors are kept in half precision, as the exported networks keep them, so that what is measured is what is shipped.
The format is simple enough to be written here: it needs no package and does not depend on the version of torch.
"""

import hashlib
import json
import os
import struct

import numpy as np
import torch

SMALLEST_HALF = 1024  # values from which a tensor is stored in half precision
_TYPES = {"F16": np.float16, "F32": np.float32, "I64": np.int64}
_NAMES = {np.dtype(kind): name for name, kind in _TYPES.items()}


def replace_file(path, write):
    """Calls write(stream) for a temporary file and puts it in the place of `path` once all is on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    with open(temporary, "wb") as stream:
        write(stream)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, path)


def save(path, tensors, record):
    header, arrays, offset = {"__metadata__": {"training": json.dumps(record, sort_keys=True)}}, [], 0
    for name, tensor in tensors.items():
        array = tensor.detach().cpu().contiguous().numpy()
        if array.dtype == np.float32 and array.size >= SMALLEST_HALF:
            array = array.astype(np.float16)
        header[name] = {"dtype": _NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        arrays.append(array)
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)

    def write(stream):
        stream.write(struct.pack("<Q", len(text)) + text)
        for array in arrays:
            stream.write(array.tobytes())

    replace_file(path, write)


def _header(path):
    with open(path, "rb") as stream:
        length, = struct.unpack("<Q", stream.read(8))
        return json.loads(stream.read(length)), 8 + length


def record(path):
    """What is known of the training."""
    return json.loads(_header(path)[0]["__metadata__"]["training"])


def load(path):
    """Tensors by name; half precision becomes single."""
    header, start = _header(path)
    data, tensors = path.read_bytes(), {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        count = int(np.prod(entry["shape"], dtype=np.int64))
        array = np.frombuffer(data, _TYPES[entry["dtype"]], count, start + entry["data_offsets"][0]).reshape(entry["shape"])
        tensors[name] = torch.from_numpy(array.astype(np.float32) if array.dtype == np.float16 else array.copy())
    return tensors


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
