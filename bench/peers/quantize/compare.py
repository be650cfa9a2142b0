"""Runs the engine and its peers on the same data, one process each, and writes the comparison as Markdown and JSON.

    /usr/bin/python3 compare.py --output results --threads 1
    /usr/bin/python3 compare.py --output smoke --rows 60 --dimensions 64 --centroids 5 --classes 2

Needs the bench built (`dotnet build -c Release`), numpy, scikit-learn and faiss. Every method's centres are measured by
the same code here, over the rows of the fit and over rows held out of it. Times are medians over repeats of whole
passes over all classes; ratios are to scikit-learn's MiniBatchKMeans on the same data.
"""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
BENCH = HERE / "bin" / "Release" / "net10.0" / "Ddoq.Bench.Quantize.dll"
ALGORITHMS = ["d4m", "clvq", "minibatch", "lloyd", "hartigan", "hartigan:4", "support"]
PEERS = ["sklearn partial_fit (D4M)", "sklearn MiniBatchKMeans", "sklearn KMeans n_init=1", "sklearn KMeans n_init=10", "faiss Kmeans",
         "numpy support points", "torch support points"]
BASELINE = "sklearn MiniBatchKMeans"


def numbers(text):
    return [int(part) for part in text.split(",")]


def distortion(rows, centroids):
    """Mean squared distance to the nearest centre; the nearest by fp32 scores, its distance in fp64."""
    rows = rows.astype(np.float32)
    labels = ((centroids ** 2).sum(1) - 2 * (rows @ centroids.T)).argmin(1)
    total = 0.0
    for first in range(0, len(rows), 256):
        part = slice(first, first + 256)
        total += float(((rows[part].astype(np.float64) - centroids[labels[part]]) ** 2).sum())
    return total / len(rows)


def mean_distance(first, second):
    """Mean distance of all pairs, by fp32 products about a common mean, summed in fp64."""
    mean = first.mean(0)
    first, second = first - mean, second - mean
    squared = (first ** 2).sum(1)[:, None] + (second ** 2).sum(1) - 2 * first @ second.T
    return float(np.sqrt(np.maximum(squared, 0), dtype=np.float64).mean())


def energy_distance(rows, centroids):
    """2 E|X - Z| - E|X - X'| - E|Z - Z'| at equal weights."""
    rows = rows.astype(np.float32)
    return 2 * mean_distance(rows, centroids) - mean_distance(rows, rows) - mean_distance(centroids, centroids)


def load_store(folder, rows):
    """The first rows of every class of a latent store (shards of safetensors with `latents` and `labels`), [classes, rows, dimension]."""
    import safetensors_reader

    latents, labels = safetensors_reader.read_store(folder)
    latents = latents.reshape(len(latents), -1)
    smallest = np.bincount(labels).min()
    if smallest < rows:
        sys.exit(f"the smallest class of {folder} has {smallest} rows, {rows} are needed: lower --rows or --held-out")
    return np.stack([latents[np.flatnonzero(labels == c)[:rows]] for c in range(labels.max() + 1)])


def run(command, threads, prefix):
    command = [*prefix, *command]
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads))
    completed = subprocess.run(command, env=environment, capture_output=True, text=True)
    if completed.returncode != 0:
        print(completed.stderr.strip().splitlines()[-1] if completed.stderr.strip() else "failed", file=sys.stderr)
        return None
    return json.loads(completed.stdout.strip().splitlines()[-1])


def measure(file, folder, options, k):
    common = ["--file", str(file), "--held-out", str(options.held_out), "--centroids", str(k), "--repeat", str(options.repeat), "--budget", str(options.budget)]
    commands = []
    for algorithm in options.algorithms:
        name, _, restarts = algorithm.partition(":")
        commands.append(["dotnet", str(BENCH), "run", *common, "--algorithm", name, "--restarts", restarts or "1",
                         "--workers", str(options.threads), "--space", options.space])
    for peer in options.peers:
        commands.append([sys.executable, str(HERE / "peers.py"), *common, "--method", peer])
    results = []
    output = folder / "centroids.npy"
    for command in commands:
        result = run([*command, "--output", str(output)], options.threads, options.prefix)
        if result is None:
            continue
        data, centroids = np.load(file, mmap_mode="r"), np.load(output)
        rows = data.shape[1] - options.held_out
        result["training"] = statistics.mean(distortion(data[c, :rows], centroids[c]) for c in range(len(data)))
        result["held_out"] = statistics.mean(distortion(data[c, rows:], centroids[c]) for c in range(len(data)))
        result["energy"] = statistics.mean(energy_distance(data[c, :rows], centroids[c]) for c in range(len(data)))
        result["median_seconds"] = statistics.median(result["seconds"])
        results.append(result)
        print(f"  {result['method']}: {result['median_seconds']:.3f} s", file=sys.stderr)
    return results


def table(results):
    base = next((result for result in results if result["method"] == BASELINE), results[0])
    lines = [
        f"| method | time s | times {base['method']} | training distortion | ratio | held-out distortion | ratio | energy distance | peak MiB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        lines.append(
            f"| {result['method']} | {result['median_seconds']:.3f} | {base['median_seconds'] / result['median_seconds']:.1f} "
            f"| {result['training']:.2f} | {result['training'] / base['training']:.4f} "
            f"| {result['held_out']:.2f} | {result['held_out'] / base['held_out']:.4f} | {result['energy']:.4f} | {result['peak_bytes'] / 2**20:.0f} |")
    return "\n".join(lines)


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, required=True, help="folder for report.md, report.json and the data")
    parser.add_argument("--store", type=pathlib.Path, help="a latent store, instead of synthetic latents; --dimensions and --classes are its own")
    parser.add_argument("--rows", type=numbers, default=[650, 1300])
    parser.add_argument("--dimensions", type=numbers, default=[256, 4096, 16384])
    parser.add_argument("--centroids", type=numbers, default=[10, 50, 200])
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--held-out", type=int, default=500)
    parser.add_argument("--algorithms", type=lambda text: text.split(","), default=ALGORITHMS)
    parser.add_argument("--peers", type=lambda text: text.split(",") if text else [], default=PEERS)
    parser.add_argument("--space", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--budget", type=int, default=60, help="seconds after which a method is not repeated again")
    parser.add_argument("--prefix", type=str.split, default=[], help="put before every timed command, for example 'taskset -c 0'")
    parser.add_argument("--keep-data", action="store_true")
    options = parser.parse_args()
    if not BENCH.exists():
        sys.exit(f"{BENCH} is not there: run `dotnet build -c Release` in {HERE} first")
    options.output.mkdir(parents=True, exist_ok=True)
    if options.store:
        stored = load_store(options.store, max(options.rows) + options.held_out)
        options.classes, options.dimensions = len(stored), [stored.shape[2]]
    report = {"processor": processor(), "threads": options.threads, "classes": options.classes, "held_out": options.held_out, "repeat": options.repeat, "cases": []}
    source = "latents of a real data set" if options.store else "synthetic latents of a power-law spectrum"
    sections = [
        "# Quantising classes of latents: the engine and its peers",
        f"{report['processor']}, {options.threads} thread(s), {options.classes} classes, {source}, {options.held_out} rows a class held out; "
        f"medians of {options.repeat} repeats, fewer once a method took {options.budget:.0f} s. Times are of all classes together; peers get "
        "float32 rows before the clock starts, the engine reads float16 inside its time. 'ddoq hartigan x4' is the best of 4 starts.",
    ]
    for rows in options.rows:
        for dimension in options.dimensions:
            file = options.output / f"latents-{rows}x{dimension}.npy"
            if options.store:
                # The held-out rows are the same for every number of rows: the last ones.
                np.save(file, np.concatenate([stored[:, :rows], stored[:, -options.held_out:]], 1))
            elif not file.exists():
                subprocess.run(
                    ["dotnet", str(BENCH), "write", "--file", str(file), "--rows", str(rows), "--held-out", str(options.held_out),
                     "--dimension", str(dimension), "--classes", str(options.classes)], check=True)
            for k in options.centroids:
                print(f"N={rows} D={dimension} K={k}", file=sys.stderr)
                results = measure(file, options.output, options, k)
                report["cases"].append({"rows": rows, "dimension": dimension, "centroids": k, "results": results})
                sections.append(f"## N = {rows}, D = {dimension}, K = {k}\n\n{table(results)}")
                (options.output / "report.json").write_text(json.dumps(report, indent=1) + "\n")
                (options.output / "report.md").write_text("\n\n".join(sections) + "\n")
            if not options.keep_data:
                file.unlink()
    (options.output / "centroids.npy").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
