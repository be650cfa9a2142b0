"""OptimalQuantizer beside scikit-learn's KMeans and MiniBatchKMeans and FAISS, from Python, on one thread: time, inertia, memory.

    PYTHONPATH=python/src DDOQ_LIBRARY=artifacts/libddoq/libddoq.so OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
        /usr/bin/python3 bench/peers/python/estimators.py --output estimators.json
    /usr/bin/python3 bench/peers/python/estimators.py --table estimators.json      # as Markdown

Every method fits the same float32 rows in a process of its own, `--repeats` times with other seeds, fewer where they take more than 1 s together. Time is the
process's CPU time of a fit (median), since a fit has one thread here; memory is the peak of the first fit above what the process
held before. Inertia is measured by one piece of code for all, from the centres, in float64 (mean over the seeds).
"""
import argparse
import json
import platform
import statistics
import subprocess
import sys
import time

import numpy as np

SHAPES = [(1300, 4096, 50), (13000, 256, 50), (50000, 64, 100), (1000, 16, 10)]
METHODS = {
    "OptimalQuantizer": ("ddoq", {"n_init": 1}),
    "OptimalQuantizer, n_init=4": ("ddoq", {}),
    "OptimalQuantizer, lloyd": ("ddoq", {"n_init": 1, "algorithm": "lloyd"}),
    "OptimalQuantizer, direct": ("ddoq", {"n_init": 1, "space": "direct"}),
    "OptimalQuantizer, gram": ("ddoq", {"n_init": 1, "space": "gram"}),
    "KMeans, n_init=1": ("kmeans", {"n_init": 1}),
    "KMeans, n_init=4": ("kmeans", {"n_init": 4}),
    "MiniBatchKMeans": ("minibatch", {"n_init": 3}),
    "FAISS, 25 iterations": ("faiss", {"nredo": 1}),
    "FAISS, nredo=4": ("faiss", {"nredo": 4}),
}
MOST_GRAM_ROWS = 20000  # beyond, 4 N^2 bytes are more than this machine should give


def rows_of(count, dimension):
    """Rows of 200 modes of unequal mass, whose spread falls off along random directions as that of an encoder's latents does."""
    draw = np.random.default_rng(count)
    scales = (1 + np.arange(dimension)) ** -0.5
    modes = draw.normal(size=(200, dimension)) * scales * 1.5
    labels = draw.choice(200, size=count, p=draw.dirichlet(np.full(200, 2.0)))
    return (modes[labels] + draw.normal(size=(count, dimension)) * scales).astype(np.float32)


def centres_of(kind, options, rows, k, seed):
    if kind == "ddoq":
        import ddoq

        return ddoq.OptimalQuantizer(k, random_state=seed, **options).fit(rows).cluster_centers_
    if kind == "faiss":
        import faiss

        faiss.omp_set_num_threads(1)
        model = faiss.Kmeans(rows.shape[1], k, niter=25, seed=seed + 1, max_points_per_centroid=len(rows), **options)
        model.train(rows)
        return model.centroids
    from sklearn.cluster import KMeans, MiniBatchKMeans

    model = {"kmeans": KMeans, "minibatch": MiniBatchKMeans}[kind]
    return model(k, random_state=seed, **options).fit(rows).cluster_centers_


def inertia(rows, centres):
    total = 0.0
    for first in range(0, len(rows), 256):
        part = rows[first:first + 256].astype(np.float64)
        total += ((part ** 2).sum(1) + ((centres.astype(np.float64) ** 2).sum(1) - 2 * part @ centres.T.astype(np.float64)).min(1)).sum()
    return total


def status(key):
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key)) / 1024


def worker(method, count, dimension, k, seeds):
    """One process: fits with each seed; prints a line of JSON."""
    kind, options = METHODS[method]
    rows = rows_of(count, dimension)
    centres_of(kind, options, rows[: 4 * k], k, 0)  # loads the libraries
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")  # the peak counts from here
    before, result = status("VmRSS"), {"seconds": [], "inertia": []}
    for seed in seeds:
        start = time.process_time()
        centres = centres_of(kind, options, rows, k, seed)
        result["seconds"].append(time.process_time() - start)
        result.setdefault("peak_mib", status("VmHWM") - before)
        result["inertia"].append(inertia(rows, centres))
        if sum(result["seconds"]) > 1:
            break
    print(json.dumps(result))


def measure(repeats):
    found = []
    for count, dimension, k in SHAPES:
        for method in METHODS:
            if method.endswith("gram") and count > MOST_GRAM_ROWS:
                continue
            run = subprocess.run(
                [sys.executable, __file__, "--worker", method, str(count), str(dimension), str(k), str(repeats)],
                capture_output=True, text=True, check=True)
            one = json.loads(run.stdout.splitlines()[-1])
            found.append({
                "rows": count, "dimension": dimension, "centres": k, "method": method, "seconds": statistics.median(one["seconds"]),
                "inertia": statistics.mean(one["inertia"]), "peak_mib": one["peak_mib"]})
            print(f"{count} x {dimension}: {method}: {found[-1]['seconds']:.3f} s", file=sys.stderr)
    return found


def table(found):
    for count, dimension, k in SHAPES:
        part = [one for one in found if (one["rows"], one["dimension"]) == (count, dimension)]
        base = next(one for one in part if one["method"] == "KMeans, n_init=1")
        print(f"**{count} x {dimension}, K = {k}**\n\n| method | CPU s | KMeans / it | inertia over KMeans | peak MiB |\n|---|---|---|---|---|")
        for one in part:
            print(f"| {one['method']} | {one['seconds']:.3g} | {base['seconds'] / one['seconds']:.2g} | "
                  f"{100 * (one['inertia'] / base['inertia'] - 1):+.2f} % | {one['peak_mib']:.0f} |")
        print()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output")
    parser.add_argument("--table")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--worker", nargs=5, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        method, *numbers = given.worker
        count, dimension, k, repeats = map(int, numbers)
        worker(method, count, dimension, k, range(repeats))
    elif given.table:
        with open(given.table, encoding="utf-8") as file:
            table(json.load(file)["results"])
    else:
        import ddoq
        import faiss
        import sklearn

        facts = {"processor": platform.processor() or platform.machine(), "instruction_set": ddoq.instruction_set(), "ddoq": ddoq.version(),
                 "sklearn": sklearn.__version__, "faiss": faiss.__version__, "numpy": np.__version__}
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            facts["processor"] = next(line.split(": ")[1].strip() for line in file if line.startswith("model name"))
        found = measure(given.repeats)
        with open(given.output, "w", encoding="utf-8") as file:
            json.dump({"machine": facts, "repeats": given.repeats, "results": found}, file, indent=1)
        table(found)


if __name__ == "__main__":
    main()
