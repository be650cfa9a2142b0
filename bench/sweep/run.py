#!/usr/bin/python3
"""The level at which prototypes enter the reverse diffusion, by algorithm, network, images per class and kind of labels.

    /usr/bin/python3 run.py --ddoq ../../src/Ddoq.Cli/bin/Release/net10.0/ddoq --data-dir FOLDER --output sweep-out

FOLDER holds grey images of one size as the four IDX files (plain or .gz). No test image is read: every sixth training image is held out and
stands where a dataset has its test images. Each point is `ddoq distill` with a start level of its own; sets and students of all points have
the same seeds, so that differences are paired. Latents are encoded once for each model. Everything resumes: finished points are not run again.
"""
import argparse
import gzip
import json
import pathlib
import shutil
import statistics
import struct
import subprocess
import sys

import numpy

ARMS = ["ddoq", "d4m", "support"]


def read_idx(folder, name):
    """The array of an IDX file of unsigned bytes."""
    path = folder / name
    content = path.read_bytes() if path.exists() else gzip.decompress(path.with_name(name + ".gz").read_bytes())
    rank = content[3]
    shape = struct.unpack(f">{rank}I", content[4:4 + 4 * rank])
    return numpy.frombuffer(content, numpy.uint8, offset=4 + 4 * rank).reshape(shape)


def write_idx(path, array):
    path.write_bytes(struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes())


def hold_out(source, folder, stride, names):
    """Splits the training images: one of `stride` is held out and takes the test images' place. `names` is a file of class names."""
    images, labels = read_idx(source, "train-images-idx3-ubyte"), read_idx(source, "train-labels-idx1-ubyte")
    held = numpy.arange(len(labels)) % stride == stride - 1
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("train", ~held), ("t10k", held)):
        write_idx(folder / f"{name}-images-idx3-ubyte", images[rows])
        write_idx(folder / f"{name}-labels-idx1-ubyte", labels[rows])
    shutil.copy(names, folder / "classes.txt")


class Sweep:
    def __init__(self, options):
        self.options = options
        self.data = options.output / "data"
        if not (self.data / "t10k-labels-idx1-ubyte").exists():
            hold_out(options.data_dir, self.data, options.hold_out, options.class_names)

    def point(self, model, ipc, level, soft):
        """comparison.json of one point."""
        root = self.options.output / model.name
        folder = root / f"ipc{ipc}{'-soft' if soft else ''}-{level}"
        result = folder / "comparison.json"
        if result.exists():
            return json.loads(result.read_text())
        latents = root / "latents"
        if latents.exists():
            shutil.copytree(latents, folder / "latents", dirs_exist_ok=True)
        command = [self.options.ddoq, "distill", "--data-dir", self.data, "--model", model, "--ipc", ipc, "--arms", ",".join(ARMS), "--start-alpha-bar", level,
                   "--repeats", self.options.soft_repeats if soft else self.options.repeats, "--quiet", "-o", folder]
        if soft:
            command += ["--protocol", "rded", "--updates", 600, "--train-batch-size", 10]
        completed = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        if completed.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))}\n{completed.stderr}")
        if not latents.exists():
            shutil.copytree(folder / "latents", latents)
        shutil.rmtree(folder / "latents")
        return json.loads(result.read_text())

    def points(self):
        for soft in (False, True):
            for ipc in self.options.soft_ipc if soft else self.options.ipc:
                for model in self.options.models:
                    for level in self.options.soft_levels if soft else self.options.levels:
                        print(f"{'soft' if soft else 'hard'} labels, IPC {ipc}, {model.name}, level {level}", file=sys.stderr, flush=True)
                        yield list(summary(self.point(model, ipc, level, soft), soft, ipc, model.name, level))


def summary(comparison, soft, ipc, model, level):
    """A row for each arm: accuracies in percent by seed, mean energy distance and variance kept of the images of the first set."""
    for arm in ARMS:
        students = sorted((s for s in comparison["students"] if s["arm"] == arm), key=lambda s: s["set_seed"])
        images = [d for d in comparison["image_distances"] if d["arm"] == arm]
        yield {
            "labels": "soft" if soft else "hard", "recipe": students[0]["recipe"], "ipc": ipc, "model": model, "level": level, "arm": arm,
            "accuracies": [100 * s["last_accuracy"] for s in students],
            "wasserstein": statistics.mean(d["wasserstein"] for d in images),
            "energy_distance": statistics.mean(d["energy_distance"] for d in images),
            "variance_kept": statistics.mean(d["variance_kept"] for d in images),
        }


def mean_and_error(values):
    mean = f"{statistics.mean(values):.1f}"
    return f"{mean} ± {statistics.stdev(values) / len(values) ** 0.5:.1f}" if len(values) > 1 else mean


def tables(rows):
    """One table for each kind of labels, IPC and model: accuracy by level and arm."""
    text = []
    for key in dict.fromkeys((row["labels"], row["ipc"], row["model"]) for row in rows):
        part = [row for row in rows if (row["labels"], row["ipc"], row["model"]) == key]
        text += [f"**{key[0]} labels, IPC {key[1]}, `{key[2]}`** ({part[0]['recipe']}; {len(part[0]['accuracies'])} sets)", "",
                 "| start alpha-bar | " + " | ".join(f"`{arm}`, %" for arm in ARMS) + " | " + " | ".join(f"energy distance, `{arm}`" for arm in ARMS) + " |",
                 "|---" * (1 + 2 * len(ARMS)) + "|"]
        best = {arm: max(statistics.mean(row["accuracies"]) for row in part if row["arm"] == arm) for arm in ARMS}
        for level in dict.fromkeys(row["level"] for row in part):
            line = {row["arm"]: row for row in part if row["level"] == level}
            cells = [mean_and_error(line[arm]["accuracies"]) for arm in ARMS]
            cells = [f"**{cell}**" if statistics.mean(line[arm]["accuracies"]) == best[arm] else cell for arm, cell in zip(ARMS, cells)]
            text.append(f"| {level} | " + " | ".join(cells) + " | " + " | ".join(f"{line[arm]['energy_distance']:.3f}" for arm in ARMS) + " |")
        text.append("")
    return "\n".join(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    here = pathlib.Path(__file__).resolve().parents[2]
    parser.add_argument("--ddoq", type=pathlib.Path, required=True)
    parser.add_argument("--data-dir", type=pathlib.Path, required=True)
    parser.add_argument("--class-names", type=pathlib.Path, default=here / "samples/fashion-mnist/classes.txt", help="one class name a line")
    parser.add_argument("--models", type=pathlib.Path, nargs="+", default=[here / "models/fashion-mnist", here / "models/fashion-mnist-unet"])
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("sweep-out"))
    parser.add_argument("--levels", nargs="*", default=["0.03", "0.08", "0.2", "0.4", "0.7", "1"])
    parser.add_argument("--ipc", type=int, nargs="*", default=[10, 50])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--soft-levels", nargs="*", default=["0.08", "0.4", "0.7"])
    parser.add_argument("--soft-ipc", type=int, nargs="*", default=[10])
    parser.add_argument("--soft-repeats", type=int, default=3)
    parser.add_argument("--hold-out", type=int, default=6, help="one training image in so many is held out")
    options = parser.parse_args()
    options.models = [model.resolve() for model in options.models]
    options.output.mkdir(parents=True, exist_ok=True)
    rows = []
    for point in Sweep(options).points():
        rows += point
        (options.output / "start-level.json").write_text(json.dumps(rows, indent=1) + "\n")
        (options.output / "tables.md").write_text(tables(rows))
    print(tables(rows))


if __name__ == "__main__":
    main()
