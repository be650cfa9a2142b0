#!/usr/bin/env python3
"""What else can do the work of the kernels on this GPU: torch, a Triton kernel written here, cuBLAS, a plain copy.

Sizes are those of `Ddoq.Bench.Device kernels`, data follow the law of its PowerLawLatents. Times are medians by device
events after a warm-up, in CUDA graphs where the work can be captured, on arrays that exceed the second-level cache. One
JSON object a line, each written as soon as it is measured. Assignments are checked: one with wrong rows is no peer.
Exit code 77 and a line "skipped: reason" where torch or a GPU is missing.
"""
import argparse
import json
import math
import statistics
import sys

CLASSES, ROWS, DIMENSION = 264, 1300, 4096
CENTROIDS = (10, 50, 100, 200)
IMAGES = ((65536, 1000), (1584, 21841))
SAMPLES, SAMPLE_MS = 20, 2.0
MODES, MODE_SCALE = 20, 0.7
LLOYD_STEPS = 30

try:
    import torch
    import torch.nn.functional as functional
except ImportError as error:
    print(f"skipped: torch cannot be imported: {error}")
    sys.exit(77)
try:
    import triton
    import triton.language as tl
except ImportError:
    triton = None


if triton is not None:

    @triton.jit
    def nearest_kernel(rows, centroids, norms, labels, row_count, centroid_count, dimension,
                       BLOCK_ROWS: tl.constexpr, BLOCK_CENTROIDS: tl.constexpr, BLOCK_COLUMNS: tl.constexpr):
        # A program owns a block of rows of one class; centroids stream past it, and only labels leave it.
        group = tl.program_id(1).to(tl.int64)
        row = tl.program_id(0) * BLOCK_ROWS + tl.arange(0, BLOCK_ROWS)
        row_inside = row < row_count
        x_start = rows + (group * row_count + row.to(tl.int64)) * dimension
        least = tl.full((BLOCK_ROWS,), float("inf"), tl.float32)
        nearest = tl.zeros((BLOCK_ROWS,), tl.int32)
        for first in range(0, centroid_count, BLOCK_CENTROIDS):
            centroid = first + tl.arange(0, BLOCK_CENTROIDS)
            centroid_inside = centroid < centroid_count
            c_start = centroids + (group * centroid_count + centroid.to(tl.int64)) * dimension
            products = tl.zeros((BLOCK_ROWS, BLOCK_CENTROIDS), tl.float32)
            for begin in range(0, dimension, BLOCK_COLUMNS):
                column = begin + tl.arange(0, BLOCK_COLUMNS)
                inside = column < dimension
                x = tl.load(x_start[:, None] + column[None, :], mask=row_inside[:, None] & inside[None, :], other=0.0)
                c = tl.load(c_start[None, :] + column[:, None], mask=centroid_inside[None, :] & inside[:, None], other=0.0)
                products = tl.dot(x, c, products)
            norm = tl.load(norms + group * centroid_count + centroid, mask=centroid_inside, other=float("inf"))
            score = norm[None, :] - 2.0 * products
            best = tl.min(score, axis=1)
            place = first + tl.argmin(score, axis=1)
            nearest = tl.where(best < least, place.to(tl.int32), nearest)  # the lower index keeps a tie
            least = tl.minimum(best, least)
        tl.store(labels + group * row_count + row, nearest, mask=row_inside)


def triton_nearest(x, c, norms, labels, shape):
    block_rows, block_centroids, block_columns, warps, stages = shape
    grid = (triton.cdiv(x.shape[1], block_rows), x.shape[0])
    nearest_kernel[grid](x, c, norms, labels, x.shape[1], c.shape[1], x.shape[2], BLOCK_ROWS=block_rows,
                         BLOCK_CENTROIDS=block_centroids, BLOCK_COLUMNS=block_columns, num_warps=warps, num_stages=stages)


def triton_shapes(count):
    whole = min(256, max(16, 1 << (count - 1).bit_length()))
    for rows in (64, 128):
        for columns in (64, 128):
            for warps in (4, 8):
                yield rows, whole, columns, warps, 3


def torch_nearest(x, c, norms):
    return torch.argmin(norms[:, None, :] - 2.0 * torch.bmm(x, c.transpose(1, 2)).float(), dim=2)


def torch_nearest_fp32(x, c, norms):
    """With products that leave the tensor cores in fp32: the rounding of halves decides ties between near centroids."""
    return torch.argmin(norms[:, None, :] - 2.0 * torch.bmm(x, c.transpose(1, 2), out_dtype=torch.float32), dim=2)


def latents(classes, rows, dimension, seed=1):
    """fp16 [classes, rows, dimension] of a power law around modes."""
    draw = torch.Generator(device="cuda").manual_seed(seed)
    scale = torch.arange(1, dimension + 1, device="cuda").float().rsqrt()
    scale *= (dimension / scale.square().sum()).sqrt()
    x = torch.empty(classes, rows, dimension, dtype=torch.float16, device="cuda")
    for c in range(classes):
        modes = torch.randn(MODES, dimension, generator=draw, device="cuda")
        mode = torch.randint(MODES, (rows,), generator=draw, device="cuda")
        x[c] = (scale * (MODE_SCALE * modes[mode] + torch.randn(rows, dimension, generator=draw, device="cuda"))).half()
    return x


def events(work):
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    work()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end)


def measure(sets, capture=True):
    """Median time of one call in ms, noise, and whether graphs were used; `sets` are calls on arrays of their own."""
    def once():
        for one in sets:
            one()

    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            once()
    torch.cuda.current_stream().wait_stream(aside)
    torch.cuda.synchronize()
    estimate = events(once)
    rounds = min(max(1, math.ceil(SAMPLE_MS / estimate)), max(1, 1000 // len(sets)))

    def repeat():
        for _ in range(rounds):
            once()

    graph = None
    if capture:
        try:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                repeat()
        except Exception as error:  # what cannot be captured is launched one by one
            print(f"  not captured: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
            torch.cuda.synchronize()
            graph = None
    run = graph.replay if graph is not None else repeat
    for _ in range(3):
        run()
    times = sorted(events(run) / (rounds * len(sets)) for _ in range(SAMPLES))
    median = statistics.median(times)
    return {"milliseconds": median, "noise": (times[round(0.9 * (SAMPLES - 1))] - times[round(0.1 * (SAMPLES - 1))]) / median,
            "graph": graph is not None}


def set_count(bytes_touched):
    cache = getattr(torch.cuda.get_device_properties(0), "L2_cache_size", 50 << 20)
    return min(64, max(1, math.ceil(4 * cache / bytes_touched)))


class Report:
    def __init__(self, path):
        self.path, self.failed = path, False
        self.about = {"device": torch.cuda.get_device_properties(0).name, "torch": torch.__version__,
                      "triton": getattr(triton, "__version__", None), "cuda": torch.version.cuda}

    def add(self, kind, peer, shape, work, **more):
        """Runs one measurement; a peer that fails is reported and does not stop the others."""
        row = {"kind": kind, "peer": peer, "shape": shape}
        try:
            row.update(work())
        except Exception as error:
            row["error"] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            self.failed |= "torch" in peer and "CUDA" in row["error"]
        row.update(more)
        row.update(self.about)
        line = json.dumps(row)
        print(line, flush=True)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(line + "\n")
        torch.cuda.empty_cache()


def with_rates(result, bytes_moved=None, operations=None):
    seconds = result["milliseconds"] / 1e3
    if bytes_moved is not None:
        result["gigabytes_per_second"] = bytes_moved / seconds / 1e9
    if operations is not None:
        result["teraflops_per_second"] = operations / seconds / 1e12
    return result


def copy():
    size = 1 << 30
    source = torch.randint(256, (size,), dtype=torch.uint8, device="cuda")
    destination = torch.empty_like(source)
    return with_rates(measure([lambda: destination.copy_(source)]), 2.0 * size)


def square_product(kind):
    n = 8192
    torch.backends.cuda.matmul.allow_tf32 = False
    a, b = (torch.randn(n, n, device="cuda").to(kind) for _ in range(2))
    out = torch.empty(n, n, dtype=kind, device="cuda")
    return with_rates(measure([lambda: torch.matmul(a, b, out=out)]), operations=2.0 * n**3)


def products(report):
    for kind, name in ((torch.float16, "f16"), (torch.float32, "f32")):
        report.add("product", f"cuBLAS (torch.matmul {name})", "8192 x 8192 x 8192", lambda kind=kind: square_product(kind), type=name, ceiling=True)


def wrong_rows(x, c, labels):
    """Rows of the first class whose label is neither the nearest centroid nor tied with it."""
    distances = torch.cdist(x[0].double(), c[0].double()).square()
    chosen = distances.gather(1, labels[0].long()[:, None])[:, 0]
    return int((chosen > distances.min(dim=1).values * (1 + 1e-4)).sum())


def assignment(report):
    x = latents(CLASSES, ROWS, DIMENSION)
    gram_shape = f"C={CLASSES} N={ROWS} D={DIMENSION}"
    report.add("gram", "cuBLAS (torch.bmm fp16)", gram_shape,
               lambda: with_rates(measure([lambda: torch.bmm(x, x.transpose(1, 2))]), operations=2.0 * CLASSES * ROWS**2 * DIMENSION),
               note="the whole square in fp16; our kernel: one triangle in fp32")
    for k in CENTROIDS:
        c = x[:, torch.randperm(ROWS, device="cuda")[:k], :].contiguous()
        norms = c.float().square().sum(2)
        labels = torch.empty(CLASSES, ROWS, dtype=torch.int32, device="cuda")
        shape = f"{gram_shape} K={k}"
        moved = 2.0 * CLASSES * DIMENSION * (ROWS + k) + 4.0 * CLASSES * ROWS
        work = 2.0 * CLASSES * ROWS * k * DIMENSION

        def of_triton():
            if triton is None:
                raise RuntimeError("triton is not installed")
            best, chosen = math.inf, None
            for tile in triton_shapes(k):
                try:
                    triton_nearest(x, c, norms, labels, tile)
                    torch.cuda.synchronize()
                    time = min(events(lambda: triton_nearest(x, c, norms, labels, tile)) for _ in range(5))
                except Exception as error:  # a tile that does not fit the shared memory
                    print(f"  tile {tile}: {type(error).__name__}")
                    continue
                if time < best:
                    best, chosen = time, tile
            if chosen is None:
                raise RuntimeError("no tile runs")
            result = with_rates(measure([lambda: triton_nearest(x, c, norms, labels, chosen)]), moved, work)
            return result | {"tile": list(chosen), "wrong_rows": wrong_rows(x, c, labels)}

        def of_torch():
            result = with_rates(measure([lambda: torch_nearest(x, c, norms)]), moved, work)
            return result | {"wrong_rows": wrong_rows(x, c, torch_nearest(x, c, norms))}

        def of_torch_fp32():
            result = with_rates(measure([lambda: torch_nearest_fp32(x, c, norms)]), moved, work)
            return result | {"wrong_rows": wrong_rows(x, c, torch_nearest_fp32(x, c, norms))}

        report.add("assign", "torch (bmm, argmin)", shape, of_torch, centroids=k)
        report.add("assign", "torch (bmm to fp32, argmin)", shape, of_torch_fp32, centroids=k)
        report.add("assign", "Triton (fused)", shape, of_triton, centroids=k)
        report.add("assign", "cuBLAS (the product alone)", shape, centroids=k,
                   work=lambda: with_rates(measure([lambda: torch.bmm(x, c.transpose(1, 2))]), moved, work), ceiling=True)


def lloyd(report, classes, k):
    """Random rows as first centroids, then a fixed number of steps: fused assignment, means by a product with one-hot rows."""
    def work():
        if triton is None:
            raise RuntimeError("triton is not installed")
        x = latents(classes, ROWS, DIMENSION)
        labels = torch.empty(classes, ROWS, dtype=torch.int32, device="cuda")
        tile = (128, max(16, 1 << (k - 1).bit_length()), 64, 8, 3)

        def fit():
            c = x[:, :k, :].contiguous()
            for _ in range(LLOYD_STEPS):
                triton_nearest(x, c, c.float().square().sum(2), labels, tile)
                member = functional.one_hot(labels.long(), k).half()
                counts = member.sum(1, dtype=torch.float32)
                means = torch.bmm(member.transpose(1, 2) / counts.clamp(min=1)[:, :, None].half(), x)
                c = torch.where(counts[:, :, None] > 0, means, c)
            return c

        fit()
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        times = [events(fit) for _ in range(3)]
        c = fit()
        triton_nearest(x, c, c.float().square().sum(2), labels, tile)
        distortion = sum(((x[i].float() - c[i].float()[labels[i].long()]).square().sum() / ROWS).item() for i in range(classes)) / classes
        return {"milliseconds": statistics.median(times), "distortion": distortion,
                "peak_gigabytes": torch.cuda.max_memory_allocated() / 1e9}

    report.add("cluster", f"Lloyd by Triton and torch, {LLOYD_STEPS} steps", f"C={classes} N={ROWS} D={DIMENSION} K={k}", work,
               note="from device memory")


def losses(report):
    def cross_entropy(z, p, w):
        return (w * functional.cross_entropy(z, p, reduction="none")).mean()

    def divergence(z, p, w):
        return (w * functional.kl_div(functional.log_softmax(z, 1), p, reduction="none").sum(1)).mean()

    for images, classes in IMAGES:
        for kind in (torch.float16, torch.float32):
            size = torch.finfo(kind).bits // 8
            moved = 3.0 * images * classes * size + 8.0 * images
            for name, loss in (("torch cross_entropy", cross_entropy), ("torch kl_div", divergence)):
                def work(loss=loss):
                    sets = []
                    for _ in range(set_count(moved)):
                        z = torch.randn(images, classes, device="cuda").to(kind).requires_grad_()
                        p = torch.softmax(torch.randn(images, classes, device="cuda"), 1).to(kind)
                        w = torch.rand(images, device="cuda")
                        sets.append(lambda z=z, p=p, w=w: torch.autograd.grad(loss(z, p, w), z))
                    return with_rates(measure(sets), moved)

                report.add("weighted_ce", name, f"B={images} C={classes}", work, type="f16" if size == 2 else "f32", classes=classes)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", required=True, help="the lines are added to this file")
    parser.add_argument("--only", default="assign,weighted_ce,cluster", help="kinds, of copy, product, assign, weighted_ce, cluster")
    parser.add_argument("--cluster-classes", type=int, default=1000)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("skipped: torch sees no GPU")
        return 77
    torch.manual_seed(1)
    report = Report(options.json)
    kinds = {"copy": lambda: report.add("copy", "copy within the device", "1 GiB", copy, ceiling=True),
             "product": lambda: products(report),
             "assign": lambda: assignment(report),
             "weighted_ce": lambda: losses(report),
             "cluster": lambda: lloyd(report, options.cluster_classes, 50)}
    for name in options.only.split(","):
        kinds[name]()
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
