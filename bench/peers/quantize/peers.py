"""Times one other program's k-means over all classes of a data file and prints one JSON object.

The file is float16 [classes, rows, dimension], the last rows of each class held out. Rows are converted to float32
before the clock starts, which favours the peers: the engine reads the float16 rows inside its time.
"""
import argparse
import json
import os
import time
import warnings

import numpy as np

warnings.filterwarnings("ignore")


def partial_fit(rows, k, seed):
    """D4M's way: one pass of partial_fit over buffers of K rows; the remainder is dropped."""
    from sklearn.cluster import MiniBatchKMeans

    model = MiniBatchKMeans(n_clusters=k, batch_size=k, n_init="auto", random_state=seed)
    for first in range(0, len(rows) - k + 1, k):
        model.partial_fit(rows[first:first + k])
    return model.cluster_centers_


def mini_batch(rows, k, seed):
    from sklearn.cluster import MiniBatchKMeans

    return MiniBatchKMeans(n_clusters=k, n_init="auto", random_state=seed).fit(rows).cluster_centers_


def k_means(runs):
    def fit(rows, k, seed):
        from sklearn.cluster import KMeans

        return KMeans(n_clusters=k, n_init=runs, random_state=seed).fit(rows).cluster_centers_

    return fit


def faiss_k_means(rows, k, seed):
    import faiss

    # FAISS samples 256 rows per centre and warns below 39; with these numbers it takes every row.
    model = faiss.Kmeans(rows.shape[1], k, niter=25, seed=seed, min_points_per_centroid=1, max_points_per_centroid=len(rows))
    model.train(rows)
    return model.centroids


def support_numpy(rows, k, seed):
    """Support points by the plain iteration of Mak and Joseph, 100 rounds; distances by matrix products."""
    rng = np.random.default_rng(seed)
    points = rows[rng.choice(len(rows), k, False)] + 1e-3 * rng.standard_normal((k, rows.shape[1]), dtype=np.float32)
    norms = (rows * rows).sum(1)
    for _ in range(SUPPORT_ROUNDS):
        own = (points * points).sum(1)
        pulls = 1 / np.sqrt(np.maximum(own[:, None] + norms - 2 * points @ rows.T, 1e-6))
        apart = np.sqrt(np.maximum(own[:, None] + own - 2 * points @ points.T, 1e-6))
        np.fill_diagonal(apart, np.inf)
        push = (1 / apart).sum(1, keepdims=True) * points - (1 / apart) @ points
        points = (pulls @ rows + len(rows) / k * push) / pulls.sum(1, keepdims=True)
    return points


def support_torch(rows, k, seed):
    """The same in torch."""
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    rows, generator = torch.from_numpy(rows), torch.Generator().manual_seed(seed)
    points = rows[torch.randperm(len(rows), generator=generator)[:k]] + 1e-3 * torch.randn(k, rows.shape[1], generator=generator)
    for _ in range(SUPPORT_ROUNDS):
        pulls = 1 / torch.cdist(points, rows).clamp_min(1e-3)
        apart = torch.cdist(points, points).fill_diagonal_(float("inf"))
        push = (1 / apart).sum(1, keepdim=True) * points - (1 / apart) @ points
        points = (pulls @ rows + len(rows) / k * push) / pulls.sum(1, keepdim=True)
    return points.numpy()


SUPPORT_ROUNDS = 100
METHODS = {
    "sklearn partial_fit (D4M)": partial_fit,
    "sklearn MiniBatchKMeans": mini_batch,
    "sklearn KMeans n_init=1": k_means(1),
    "sklearn KMeans n_init=10": k_means(10),
    "faiss Kmeans": faiss_k_means,
    "numpy support points": support_numpy,
    "torch support points": support_torch,
}


def peak_bytes():
    """Peak of resident memory less the mapped file, as for the engine."""
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    kibibytes = lambda name: int(status[name].split()[0])
    return (kibibytes("VmHWM") - kibibytes("RssFile")) * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", required=True)
    parser.add_argument("--held-out", type=int, required=True)
    parser.add_argument("--centroids", type=int, required=True)
    parser.add_argument("--method", choices=METHODS, required=True)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--budget", type=float, default=60, help="seconds after which there is no further repeat")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", required=True)
    options = parser.parse_args()
    data = np.load(options.file, mmap_mode="r")
    rows = data.shape[1] - options.held_out
    fit = METHODS[options.method]
    fit(np.random.default_rng(0).standard_normal((2 * options.centroids, 8), dtype=np.float32), options.centroids, 1)
    seconds = []
    while len(seconds) < options.repeat and (not seconds or sum(seconds) < options.budget):
        total, centroids = 0.0, []
        for index in range(len(data)):
            values = np.ascontiguousarray(data[index, :rows], dtype=np.float32)
            start = time.perf_counter()
            centroids.append(fit(values, options.centroids, options.seed + index))
            total += time.perf_counter() - start
        seconds.append(total)
    np.save(options.output, np.stack(centroids).astype(np.float32))
    print(json.dumps({"method": options.method, "seconds": seconds, "peak_bytes": peak_bytes()}))


if __name__ == "__main__":
    main()
