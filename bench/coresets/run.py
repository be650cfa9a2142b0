#!/usr/bin/env python3
"""Real coresets beside random images and the literature: ConvNet-3 under hard labels, no model anywhere.

    python3 bench/coresets/run.py --ddoq DDOQ --data-dir CIFAR10 --ipc 10 --output OUT

DDOQ is the built program, CIFAR10 a folder whose train/ and test/ hold a folder or a tar per class. Every case is the program's own
commands, `select` and `train`, with one seed for both: the set's and the student's. Pixels are the rows of every selection, and are
read once. Killed, the same command goes on. Writes table.md and table.json after every case.
"""
import argparse
import hashlib
import json
import pathlib
import statistics
import subprocess
import sys

OBJECTIVES = ["random", "energy", "w2", "nearest", "herding", "k-center", "medoids"]

# Updates and images of each at so many images per class: at 1 the protocol as it is, 300 epochs of one batch; beyond, shortened.
TRAINING = {1: (300, 10), 10: (300, 10), 50: (300, 50)}

# CIFAR-10, ConvNet-3 of width 128, hard labels, IPC 1, 10, 50: tables of DC (Zhao, Mopuri, Bilen 2021), DSA (Zhao, Bilen 2021), DM (Zhao, Bilen 2023), MTT (Cazenave et al. 2022).
LITERATURE = {
    "random": {1: 14.4, 10: 26.0, 50: 43.4},
    "herding": {1: 21.5, 10: 31.6, 50: 40.4},
    "k-center": {1: 21.5, 10: 14.7, 50: 27.0},
    "DC": {1: 28.3, 10: 44.9, 50: 53.9},
    "DSA": {1: 28.8, 10: 52.1, 50: 60.6},
    "DM": {1: 26.0, 10: 48.9, 50: 63.0},
    "MTT": {1: 46.3, 10: 65.3, 50: 71.6},
}


class Bench:
    def __init__(self, options):
        self.options = options
        self.rows = options.output / "first" / "rows"

    def run(self, *arguments):
        command = [str(self.options.ddoq), *map(str, arguments), "--data-dir", str(self.options.data_dir), "--quiet"]
        completed = subprocess.run(command, capture_output=True, text=True)
        if completed.returncode != 0:
            sys.exit(f"{' '.join(command)}\n{completed.stderr}")

    def read_pixels(self):
        self.run("select", "--objective", "random", "--ipc", 1, "-o", self.rows.parent)

    def case(self, ipc, objective, seed):
        folder = self.options.output / f"ipc-{ipc}" / objective / f"seed-{seed}"
        updates, batch = TRAINING[ipc]
        self.run("select", "--objective", objective, "--ipc", ipc, "--seed", seed, "--latents", self.rows, "-o", folder / "set")
        self.run("train", "--protocol", "small-image", "--updates", updates, "--train-batch-size", batch, "--normalisation", "cifar-10", "--repeats", 1,
                 "--seed", seed, "--distilled", folder / "set", "-o", folder / "students")
        result = json.loads((folder / "students" / "seed-0" / "result.json").read_text())
        images = (folder / "set" / "train" / "metadata.jsonl").read_text().splitlines()
        return {
            "ipc": ipc,
            "objective": objective,
            "seed": seed,
            "protocol": result["recipe"],
            "accuracy": round(100 * result["last_accuracy"], 2),
            "images": hashlib.sha256(repr(sorted(json.loads(line)["source_row"] for line in images)).encode()).hexdigest()[:16],
        }


def mean_and_error(values):
    """Mean and standard error over sets."""
    return statistics.mean(values), statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else None


def summary(cases):
    """A row per objective and IPC; differences to random are paired by seed."""
    rows = []
    for ipc in sorted({case["ipc"] for case in cases}):
        random = {case["seed"]: case["accuracy"] for case in cases if (case["ipc"], case["objective"]) == (ipc, "random")}
        for objective in OBJECTIVES:
            own = [case for case in cases if (case["ipc"], case["objective"]) == (ipc, objective)]
            if not own:
                continue
            mean, error = mean_and_error([case["accuracy"] for case in own])
            row = {"ipc": ipc, "objective": objective, "protocol": own[0]["protocol"], "seeds": len(own),
                   "distinct_sets": len({case["images"] for case in own}), "accuracy": mean, "standard_error": error,
                   "literature": LITERATURE.get(objective, {}).get(ipc)}
            differences = [case["accuracy"] - random[case["seed"]] for case in own if case["seed"] in random]
            if objective != "random" and differences:
                row["minus_random"], row["minus_random_error"] = mean_and_error(differences)
            rows.append(row)
    return rows


def with_error(mean, error, sign=""):
    return f"{mean:{sign}.1f}" + (f" ± {error:.1f}" if error is not None else "")


def table(rows):
    lines = ["| IPC | objective | test accuracy, % | minus random, points | distinct sets of | literature, % |", "|---|---|---|---|---|---|"]
    for row in rows:
        difference = with_error(row["minus_random"], row["minus_random_error"], "+") if "minus_random" in row else ""
        literature = "" if row["literature"] is None else f"{row['literature']:.1f}"
        lines.append(
            f"| {row['ipc']} | `{row['objective']}` | {with_error(row['accuracy'], row['standard_error'])} | {difference} "
            f"| {row['distinct_sets']} of {row['seeds']} | {literature} |")
    return "\n".join(lines) + "\n"


def write_json(file, rows, cases):
    """A line per row and case; whole or not at all."""
    parts = [f' "{name}": [\n' + ",\n".join("  " + json.dumps(line) for line in lines) + "\n ]" for name, lines in (("rows", rows), ("cases", cases))]
    temporary = file.with_suffix(".tmp")
    temporary.write_text("{\n" + ",\n".join(parts) + "\n}\n")
    temporary.replace(file)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ddoq", type=pathlib.Path, required=True, help="the built program")
    parser.add_argument("--data-dir", type=pathlib.Path, required=True)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--ipc", type=lambda text: [int(part) for part in text.split(",")], default=[10], help="1, 10 and 50, with commas between")
    parser.add_argument("--objectives", type=lambda text: text.split(","), default=OBJECTIVES)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    bench = Bench(options)
    bench.read_pixels()
    file = options.output / "table.json"
    cases = {(case["ipc"], case["objective"], case["seed"]): case for case in json.loads(file.read_text())["cases"]} if file.exists() else {}
    for ipc in options.ipc:
        for seed in range(options.seeds):
            for objective in options.objectives:
                if (ipc, objective, seed) in cases:
                    continue
                cases[ipc, objective, seed] = case = bench.case(ipc, objective, seed)
                print(f"IPC {ipc}, {objective}, seed {seed}: {case['accuracy']:.2f} %", flush=True)
                ordered = [cases[key] for key in sorted(cases)]
                rows = summary(ordered)
                write_json(file, rows, ordered)
                (options.output / "table.md").write_text(table(rows))


if __name__ == "__main__":
    main()
