"""Reads safetensors files with Python's standard library only, written from the format's description.

usage: independent_safetensors_reader.py FILE...
       independent_safetensors_reader.py --set FOLDER

Prints one JSON object: for files, per file its metadata, where the data starts, and per tensor its type, shape, sum and
position-weighted sum; for the folder of a distilled set, what a Python program makes of it.
"""

import csv
import json
import math
import mmap
import os
import struct
import sys

CODES = {"F16": "e", "F32": "f", "F64": "d", "I8": "b", "I16": "h", "I32": "i", "I64": "q", "U8": "B", "BOOL": "?"}


def read(path):
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        (length,) = struct.unpack_from("<Q", data, 0)
        header = json.loads(data[8 : 8 + length].decode("utf-8"))
        start = 8 + length
        metadata = header.pop("__metadata__", {})
        tensors = {}
        covered = 0
        for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            begin, end = entry["data_offsets"]
            assert begin == covered, f"{name} begins at {begin}, expected {covered}"
            covered = end
            count = math.prod(entry["shape"])
            code = CODES[entry["dtype"]]
            assert end - begin == count * struct.calcsize("<" + code), name
            values = struct.unpack_from(f"<{count}{code}", data, start + begin)
            tensors[name] = {
                "dtype": entry["dtype"],
                "shape": entry["shape"],
                "sum": math.fsum(values),
                "weighted": math.fsum((i + 1) * v for i, v in enumerate(values)),
            }
        assert start + covered == len(data), "bytes after the last tensor"
        return {"start": start, "metadata": metadata, "tensors": tensors}


def read_set(folder):
    train = os.path.join(folder, "train")
    with open(os.path.join(train, "metadata.jsonl"), encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    with open(os.path.join(folder, "summary.csv"), encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        "files": [line["file_name"] for line in lines],
        "labels": [line["label"] for line in lines],
        "weight_types": sorted({type(line["weight"]).__name__ for line in lines}),
        "keys": list(lines[0]),
        "summary_names": [row["class_name"] for row in rows],
        "summary_images": [int(row["images"]) for row in rows],
        # torchvision's rule: class number = place in the sorted names of the folders.
        "image_folder_classes": sorted(entry.name for entry in os.scandir(train) if entry.is_dir()),
    }


if __name__ == "__main__":
    if sys.argv[1] == "--set":
        result = read_set(sys.argv[2])
    else:
        result = {os.path.basename(path): read(path) for path in sys.argv[1:]}
    json.dump(result, sys.stdout)
