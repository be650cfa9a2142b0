#!/usr/bin/env python3
"""ONNX Runtime's native libraries as parts small enough to be carried one by one.

    runtime_parts.py pack NATIVE_FOLDER PARTS_FOLDER [--architecture 90] [--part-size MIB]
    runtime_parts.py join PARTS_FOLDER OUTPUT_FOLDER

pack keeps the device code of one GPU architecture: the bodies of the other entries of a library's .nv_fatbin section are
zeroed in place, headers and sizes stay, so that nothing moves and the rest compresses away; a driver picks its entry by
the headers. The result runs on that architecture only. join checks every part and every library by SHA-256.
"""

import argparse
import hashlib
import json
import lzma
import os
import struct
import sys
from pathlib import Path

MEBI = 1 << 20
FATBIN_MAGIC = 0xBA55ED50
MANIFEST = "parts.json"


class Refused(Exception):
    """What was found, and what to do."""


def section(image, name):
    """Offset and size of a section of a 64-bit little-endian ELF file; None where it has none of that name."""
    if image[:6] != b"\x7fELF\x02\x01":
        return None
    headers = struct.unpack_from("<Q", image, 0x28)[0]
    size, count, names = struct.unpack_from("<HHH", image, 0x3A)
    texts = struct.unpack_from("<Q", image, headers + names * size + 24)[0]
    for index in range(count):
        text, _, _, _, offset, length = struct.unpack_from("<IIQQQQ", image, headers + index * size)
        start = texts + text
        if bytes(image[start:image.index(b"\0", start)]) == name:
            return offset, length
    return None


def zero_other_architectures(image, architecture):
    """Zeroes the device code of all other architectures in place; returns bytes kept and bytes zeroed."""
    found = section(image, b".nv_fatbin")
    if found is None:
        return 0, 0
    position, end = found[0], found[0] + found[1]
    kept = zeroed = 0
    while position + 16 <= end:
        magic, _, header, length = struct.unpack_from("<IHHQ", image, position)
        if magic != FATBIN_MAGIC:  # containers start on multiples of 8, with zeros between
            position += 8
            continue
        entry, last = position + header, position + header + length
        if last > end:
            raise Refused("a container of .nv_fatbin is longer than the section: the library is damaged, or of a format that is not known")
        while entry < last:
            _, _, entry_header, body = struct.unpack_from("<HHIQ", image, entry)
            target = struct.unpack_from("<I", image, entry + 28)[0]
            if entry_header < 32 or entry + entry_header + body > last:
                raise Refused("an entry of .nv_fatbin does not fit its container: the format is not known")
            if target == architecture:
                kept += body
            else:
                image[entry + entry_header:entry + entry_header + body] = bytes(body)
                zeroed += body
            entry += entry_header + body
        position = last
    if kept == 0:
        raise Refused(f"the library holds no device code for architecture {architecture}")
    return kept, zeroed


def digest(data):
    return hashlib.sha256(data).hexdigest()


def pack(native, parts, architecture, part_size):
    libraries = sorted(Path(native).glob("libonnxruntime*.so*"))
    if not libraries:
        raise Refused(f"{native} holds no libonnxruntime*.so")
    parts.mkdir(parents=True, exist_ok=True)
    for old in parts.glob("part-*"):
        old.unlink()
    manifest = {"architecture": architecture, "libraries": [], "parts": []}
    packed = bytearray()
    compressor = lzma.LZMACompressor(preset=6)
    for library in libraries:
        image = bytearray(library.read_bytes())
        original = digest(image)
        kept, zeroed = zero_other_architectures(image, architecture)
        manifest["libraries"].append({"name": library.name, "bytes": len(image), "sha256": digest(image), "sha256_original": original})
        packed += compressor.compress(bytes(image))
        print(f"{library.name}: {len(image)} bytes" + (f", device code {kept} kept, {zeroed} zeroed" if zeroed else ""), flush=True)
    packed += compressor.flush()
    for number, start in enumerate(range(0, len(packed), part_size)):
        data, name = packed[start:start + part_size], f"part-{number:02}"
        (parts / name).write_bytes(data)
        manifest["parts"].append({"name": name, "bytes": len(data), "sha256": digest(data)})
        print(f"{name}: {len(data)} bytes", flush=True)
    (parts / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    total, whole = len(packed), sum(one["bytes"] for one in manifest["libraries"])
    print(f"{whole} bytes of libraries in {total} bytes ({total / MEBI:.1f} MiB), {len(manifest['parts'])} parts")


def checked_parts(folder, manifest):
    absent = [part["name"] for part in manifest["parts"] if not (folder / part["name"]).exists()]
    if absent:
        raise Refused(f"{folder} lacks {', '.join(absent)} of {len(manifest['parts'])} parts; bring them and join again")
    for part in manifest["parts"]:
        data = (folder / part["name"]).read_bytes()
        if digest(data) != part["sha256"]:
            raise Refused(f"{folder / part['name']} is not the part that was packed ({len(data)} bytes, {part['bytes']} expected); bring it again")
        yield data


def join(parts, output):
    if not (parts / MANIFEST).exists():
        raise Refused(f"{parts} holds no {MANIFEST}")
    manifest = json.loads((parts / MANIFEST).read_text())
    decompressor = lzma.LZMADecompressor()
    stream = b"".join(decompressor.decompress(data) for data in checked_parts(parts, manifest))
    output.mkdir(parents=True, exist_ok=True)
    start = 0
    for library in manifest["libraries"]:
        image = stream[start:start + library["bytes"]]
        start += library["bytes"]
        if digest(image) != library["sha256"]:
            raise Refused(f"{library['name']} differs from the library that was packed")
        scratch = output / (library["name"] + ".part")
        scratch.write_bytes(image)
        os.replace(scratch, output / library["name"])
        print(f"{output / library['name']}: {len(image)} bytes, checked")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack")
    packing.add_argument("native", type=Path)
    packing.add_argument("parts", type=Path)
    packing.add_argument("--architecture", type=int, default=90)
    packing.add_argument("--part-size", type=float, default=32, help="MiB of a part at most")
    joining = commands.add_parser("join")
    joining.add_argument("parts", type=Path)
    joining.add_argument("output", type=Path)
    given = parser.parse_args()
    try:
        if given.command == "pack":
            pack(given.native, given.parts, given.architecture, max(1, int(given.part_size * MEBI)))
        else:
            join(given.parts, given.output)
    except (Refused, OSError, lzma.LZMAError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
