#!/usr/bin/python3
"""Which algorithm should be the default: distortion and student accuracy of each, at several numbers of images per class.

    /usr/bin/python3 run.py --ddoq ../../src/Ddoq.Cli/bin/Release/net10.0/ddoq --output results
    /usr/bin/python3 run.py --ddoq ... --data-dir /usr/share/datasets/fashion-mnist --output results-full

Every case is the program's own commands: a fit with a fifth of each class held out for both distortions, then a fit on all
rows, its images, and students. Everything resumes: finished parts are not done again. Writes table.md and table.json.
"""
import argparse
import csv
import json
import pathlib
import statistics
import subprocess
import sys

ALGORITHMS = ["d4m", "lloyd", "hartigan"]


class Bench:
    def __init__(self, options):
        self.options = options
        self.data = ["--data-dir", str(options.data_dir)] if options.data_dir else []

    def run(self, *arguments):
        completed = subprocess.run([str(self.options.ddoq), *map(str, arguments), "--quiet"], capture_output=True, text=True)
        if completed.returncode != 0:
            sys.exit(f"ddoq {' '.join(map(str, arguments))}\n{completed.stderr}")

    def case(self, algorithm, ipc):
        folder = self.options.output / f"{algorithm}-{ipc}"
        store = self.options.output / "latents"
        fit = ["quantize", "--latents", store, "--algorithm", algorithm, "--ipc", ipc, "--device", "cpu"]
        self.run(*fit, "--holdout", "0.2", "-o", folder / "held-out")
        row = {"algorithm": algorithm, "ipc": ipc, **distortions(folder / "held-out" / "quality.csv")}
        if ipc in self.options.students:
            self.run(*fit, "-o", folder / "prototypes")
            self.run("synthesize", "--prototypes", folder / "prototypes", "-o", folder / "distilled")
            self.run("label", "--distilled", folder / "distilled")
            students = folder / "students"
            self.run("train", *self.data, "--distilled", folder / "distilled", "--repeats", self.options.repeats,
                     "--network-width", self.options.network_width, "-o", students)
            row["accuracies"] = accuracies(students)
        return row


def distortions(path):
    """Means over the classes; each class counts once."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        "training": statistics.mean(float(row["distortion"]) for row in rows),
        "held_out": statistics.mean(float(row["held_out_distortion"]) for row in rows),
        "empty_cells": sum(int(row["empty_cells"]) for row in rows),
        "tiny_cells": sum(int(row["tiny_cells"]) for row in rows),
    }


def accuracies(folder):
    """Percent at the end of training, one per student."""
    return [100 * json.loads(path.read_text())["last_accuracy"] for path in sorted(folder.rglob("result.json"))]


def table(rows):
    lines = [
        "| IPC | algorithm | training distortion | ratio to d4m | held-out distortion | ratio to d4m | tiny cells | test accuracy % |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        base = next((other for other in rows if other["ipc"] == row["ipc"] and other["algorithm"] == "d4m"), row)
        lines.append(
            f"| {row['ipc']} | {row['algorithm']} | {row['training']:.2f} | {row['training'] / base['training']:.3f} | {row['held_out']:.2f} "
            f"| {row['held_out'] / base['held_out']:.3f} | {row['tiny_cells']} | {mean_and_deviation(row.get('accuracies'))} |")
    return "\n".join(lines) + "\n"


def mean_and_deviation(values):
    return f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}" if values and len(values) > 1 else "–"


def numbers(text):
    return [int(part) for part in text.split(",") if part]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ddoq", type=pathlib.Path, required=True, help="the built program")
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--data-dir", type=pathlib.Path, help="images; the embedded sample without it")
    parser.add_argument("--ipc", type=numbers, default=[10, 50, 100, 200])
    parser.add_argument("--students", type=numbers, default=[10, 50, 100, 200], help="IPCs at which students are trained; empty for none")
    parser.add_argument("--algorithms", type=lambda text: text.split(","), default=ALGORITHMS)
    parser.add_argument("--repeats", type=int, default=3, help="students per case")
    parser.add_argument("--network-width", type=int, default=64, help="maps of the student's first layers; half the protocol's, for two cores")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    bench = Bench(options)
    bench.run("encode", *bench.data, "-o", options.output / "latents")
    rows = []
    for ipc in options.ipc:
        for algorithm in options.algorithms:
            rows.append(bench.case(algorithm, ipc))
            print(json.dumps(rows[-1]), flush=True)
            (options.output / "table.json").write_text(json.dumps(rows, indent=1) + "\n")
            (options.output / "table.md").write_text(table(rows))


if __name__ == "__main__":
    main()
