#!/usr/bin/env python3
"""Selecting K of M candidates a class: time and memory beside the quantiser's, and against k-medoids by swaps in plain numpy.

    python3 bench/selection/run.py --classes 1000 --output OUT

Needs the package `ddoq` (python/README.md). Classes are those of bench/scale/generate.py, made in memory: --rows rows and --candidates
further points around the same modes. A few classes are made and taken in turn, each time under another class index, so that every call
draws from streams of its own. Writes table.md.
"""
import argparse
import pathlib
import resource
import statistics
import sys
import threading
import time
import types

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "scale"))

import ddoq  # noqa: E402
import generate  # noqa: E402
import numpy as np  # noqa: E402

MADE = 8


def classes(options):
    spectrum = (1 + np.arange(options.dimension, dtype=np.float32)) ** -0.5
    pool = np.random.default_rng(options.seed).standard_normal(generate.POOL, dtype=np.float32)
    made = []
    for index in range(MADE):
        settings = types.SimpleNamespace(dimension=options.dimension, seed=options.seed, modes=20)
        rows = generate.rows_of(index, options.rows + options.candidates, settings, pool, spectrum)
        made.append((rows[: options.rows].astype(np.float16), rows[options.rows:].copy()))
    return made


def in_turn(threads, count, work):
    """Wall and processor seconds of `count` calls, dealt to threads."""
    following, lock, failures = iter(range(count)), threading.Lock(), []

    def one():
        try:
            while True:
                with lock:
                    index = next(following, None)
                if index is None:
                    return
                work(index)
        except Exception as failure:
            failures.append(failure)

    used, started = time.process_time(), time.perf_counter()
    running = [threading.Thread(target=one) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    if failures:
        raise failures[0]
    return time.perf_counter() - started, time.process_time() - used


def resident():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def k_medoids(rows, candidates, count, seed):
    """Greedy choice behind a drawn candidate, then the best swap of all until none is better."""
    x, y = rows.astype(np.float32), candidates
    distances = (y ** 2).sum(1)[:, None] + (x ** 2).sum(1)[None] - 2 * y @ x.T
    chosen = [int(np.random.default_rng(seed).integers(len(y)))]
    nearest = distances[chosen[0]].copy()
    while len(chosen) < count:
        gains = np.maximum(nearest - distances, 0).sum(1)
        gains[chosen] = -1
        chosen.append(int(gains.argmax()))
        nearest = np.minimum(nearest, distances[chosen[-1]])
    swaps = 0
    while True:
        own = distances[chosen]
        order = np.argpartition(own, 1, axis=0)
        place, columns = order[0], np.arange(own.shape[1])
        first, second = own[place, columns], own[order[1], columns]
        best = (0.0, None, None)
        for candidate in range(len(y)):
            if candidate in chosen:
                continue
            d = distances[candidate]
            shared = np.minimum(d - first, 0)
            losing = np.minimum(d, second) - first - shared
            changes = np.bincount(place, losing, minlength=count) + shared.sum()
            leaves = int(changes.argmin())
            if changes[leaves] < best[0] - 1e-6 * first.sum():
                best = (changes[leaves], candidate, leaves)
        if best[1] is None:
            return chosen, float(first.mean()), swaps
        chosen[best[2]] = best[1]
        swaps += 1


def median_of(work):
    """Median of five in processor milliseconds, and the last result."""
    times = []
    for _ in range(5):
        started = time.process_time()
        result = work()
        times.append(1000 * (time.process_time() - started))
    return statistics.median(times), result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("classes", 1000), ("fitted", 50), ("rows", 1300), ("dimension", 4096), ("candidates", 500), ("count", 50), ("threads", 2), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    made = classes(options)
    lines = [f"{options.rows} rows, {options.candidates} candidates of {options.dimension} values, K = {options.count}; {options.threads} threads", "",
             "| what | classes | wall s | processor ms a class | resident memory beyond the data, MiB |", "|---|---|---|---|---|"]

    def write(line):
        lines.append(line)
        print(line, flush=True)
        (options.output / "table.md").write_text("\n".join(lines) + "\n")

    before = resident()

    def select(objective):
        def work(index):
            rows, candidates = made[index % MADE]
            ddoq.select(rows, options.count, objective=objective, candidates=candidates, n_init=1, class_index=index)
        return work

    def fit(index):
        ddoq.fit(made[index % MADE][0], options.count, class_index=index)

    for name, work, count in (
        ("`select`, w2", select("w2"), options.classes),
        ("`select`, energy", select("energy"), options.classes),
        ("quantiser (hartigan, 4 starts)", fit, options.fitted),
    ):
        in_turn(options.threads, 2 * options.threads, work)
        wall, used = in_turn(options.threads, count, work)
        write(f"| {name} | {count} | {wall:.1f} | {1000 * used / count:.0f} | {resident() - before:.0f} |")

    lines += ["", "One class, one thread, k-medoids:", "", "| what | ms | mean squared distance | swaps |", "|---|---|---|---|"]
    rows, candidates = made[0]
    for starts in (1, 4):
        taken, chosen = median_of(lambda: ddoq.select(rows, options.count, objective="w2", candidates=candidates, n_init=starts))
        write(f"| `ddoq.select`, {starts} start{'s' if starts > 1 else ''} | {taken:.0f} | {chosen.distortion:.5f} | |")
    taken, (_, objective, swaps) = median_of(lambda: k_medoids(rows, candidates, options.count, options.seed))
    write(f"| numpy, greedy and best swaps | {taken:.0f} | {objective:.5f} | {swaps} |")


if __name__ == "__main__":
    main()
