#!/usr/bin/env python3
"""Writes a small latent store for the example programs: make_store.py FILE. Needs nothing but Python."""
import json
import random
import struct
import sys

ROWS, SHAPE, CLASSES = 90, (4, 2, 2), ["cat", "dog", "emu"]


def main():
    length = SHAPE[0] * SHAPE[1] * SHAPE[2]
    draw = random.Random(1)
    latents = struct.pack(f"<{ROWS * length}e", *(draw.gauss(0, 1) for _ in range(ROWS * length)))
    labels = struct.pack(f"<{ROWS}i", *(row % len(CLASSES) for row in range(ROWS)))
    header = json.dumps({
        "__metadata__": {"class_names": json.dumps(CLASSES)},
        "latents": {"dtype": "F16", "shape": [ROWS, *SHAPE], "data_offsets": [0, len(latents)]},
        "labels": {"dtype": "I32", "shape": [ROWS], "data_offsets": [len(latents), len(latents) + len(labels)]},
    }).encode()
    header += b" " * (-len(header) % 8)
    with open(sys.argv[1], "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header + latents + labels)


if __name__ == "__main__":
    main()
