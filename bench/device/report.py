#!/usr/bin/env python3
"""Joins what run.sh left in a folder: results.json, and results.md with the targets.

report.py FOLDER
report.py --registers PTXAS_LOG REGISTERS_JSON    turns what ptxas says into a table; exit code 1 when a kernel spills
"""
import json
import pathlib
import re
import sys

BATCH_CLASSES, TASK_CLASSES = 64, 1000
# The launches of a fit with Hartigan's rule on fp16 rows, in Ddoq.Cuda's BatchRun.
FIT_KERNELS = ("ddoq_class_mean_f16", "ddoq_center_f16", "ddoq_gram_tensor_f16", "ddoq_cluster_lloyd_f32",
               "ddoq_centroids_mean_f16", "ddoq_centroid_parts_f16", "ddoq_assign_k64_f16", "ddoq_distances_f16")
ASSIGN = {10: "k16", 50: "k64", 100: "k128", 200: "k256"}
LOSS = {1000: "warp", 21841: "block"}


def registers(log_path, json_path):
    rows, spilled = [], []
    pattern = re.compile(r"Compiling entry function '(\w+)' for '(sm_\w+)'(.*?)Used (\d+) registers([^\n]*)", re.S)
    for name, target, between, count, rest in pattern.findall(pathlib.Path(log_path).read_text(encoding="utf-8")):
        frame = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", between + rest)
        stack, stores, loads = map(int, frame.groups()) if frame else (0, 0, 0)
        shared = re.search(r"(\d+) bytes smem", rest)
        rows.append({"name": name, "target": target, "registers": int(count), "staticSharedBytes": int(shared.group(1)) if shared else 0,
                     "stackBytes": stack, "spillStoreBytes": stores, "spillLoadBytes": loads})
        if stores or loads:
            spilled.append(f"{name} on {target}: {stores} bytes of spill stores, {loads} of spill loads")
    rows.sort(key=lambda row: (row["name"], row["target"]))
    pathlib.Path(json_path).write_text(json.dumps({"kernels": rows}, indent=2) + "\n", encoding="utf-8")
    print(f"{len(rows)} kernels compiled, {len(spilled)} spill registers", *spilled, sep="\n")
    return 1 if spilled or not rows else 0


def load(path):
    if not path.exists():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # a step that was cut off
        print(f"{path} is not JSON: {error}")
        return None


def steps_of(folder):
    path, steps = folder / "steps.tsv", {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        name, state, seconds, note = (line.split("\t") + ["", "", ""])[:4]
        steps[name] = {"step": name, "state": state, "seconds": int(seconds), "note": note}  # the last run of a step counts
    return list(steps.values())


def verdict(target, value, limit, at_least, unit):
    met = None if value is None else value >= limit if at_least else value <= limit
    return {"target": target, "value": value, "limit": limit, "unit": unit,
            "verdict": "not measured" if met is None else "met" if met else "missed"}


class Measured:
    """Times of the kernels and of the peers, looked up by what they do."""

    def __init__(self, bench, peers):
        self.kernels = [] if bench is None or bench["emulated"] else bench["kernels"]
        self.peers = [] if peers is None else [row for row in peers["peers"] if "milliseconds" in row]

    def kernel(self, symbol, field, shape=""):
        found = [row[field] for row in self.kernels if row["kernel"] == symbol and shape in row["shape"]]
        return found[0] if found else None

    def task_seconds(self):
        """The kernels of a fit one after the other, for as many launches of 64 classes as 1000 classes are."""
        times = [self.kernel(symbol, "milliseconds", "Hartigan" if "cluster" in symbol else "") for symbol in FIT_KERNELS]
        return None if None in times else sum(times) / 1e3 * TASK_CLASSES / BATCH_CLASSES

    def ahead(self, ours, kind, **match):
        """Time of the fastest peer over ours; ceilings are not peers."""
        rows = [row for row in self.peers if row["kind"] == kind and not row.get("ceiling") and all(row.get(key) == value for key, value in match.items())]
        if ours is None or not rows:
            return None, "no peer measured"
        best = min(rows, key=lambda row: row["milliseconds"])
        return best["milliseconds"] / ours, best["peer"]


def targets(measured):
    rows = []
    for count, limit in ((10, 85), (50, 85), (100, 75)):
        share = measured.kernel(f"ddoq_assign_{ASSIGN[count]}_f16", "share_of_copy")
        rows.append(verdict(f"assign f16, K = {count}: share of a copy's bandwidth", None if share is None else 100 * share, limit, True, "%"))
    for kind in ("f16", "f32"):
        for classes, form in LOSS.items():
            share = measured.kernel(f"ddoq_weighted_ce_{form}_{kind}", "share_of_copy")
            rows.append(verdict(f"weighted_ce {kind}, C = {classes}: share of a copy's bandwidth", None if share is None else 100 * share, 85, True, "%"))
    rows.append(verdict("1000 x 1300 x 4096, K = 50, from device memory (sum of the kernels at 64 classes, scaled)", measured.task_seconds(), 0.1, False, "s"))
    for count, form in ASSIGN.items():
        ratio, peer = measured.ahead(measured.kernel(f"ddoq_assign_{form}_f16", "milliseconds"), "assign", centroids=count)
        rows.append(verdict(f"assign f16, K = {count}: time of the fastest peer over ours ({peer})", ratio, 1, True, "x"))
    for kind in ("f16", "f32"):
        for classes, form in LOSS.items():
            ratio, peer = measured.ahead(measured.kernel(f"ddoq_weighted_ce_{form}_{kind}", "milliseconds"), "weighted_ce", type=kind, classes=classes)
            rows.append(verdict(f"weighted_ce {kind}, C = {classes}: time of the fastest peer over ours ({peer})", ratio, 1, True, "x"))
    seconds = measured.task_seconds()
    ratio, peer = measured.ahead(None if seconds is None else 1e3 * seconds, "cluster")
    rows.append(verdict(f"clustering from device memory: time of the fastest peer over ours ({peer})", ratio, 1, True, "x"))
    return rows


def number(value):
    return "-" if value is None else f"{value:.4g}"


def table(columns, rows):
    return ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns), *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows), ""]


def markdown(results, kernel_table):
    device = (results["kernel_bench"] or results["peers"] or results["cluster"] or {}).get("device", "no device")
    emulated = any((results[name] or {}).get("emulated") for name in ("kernel_bench", "cluster"))
    lines = [f"# {device}", ""]
    if emulated:
        lines += ["Emulated: logic only, no speed. Nothing here says anything about a GPU.", ""]
    lines += ["## Steps", "", *table(("step", "state", "seconds", "note"), [(s["step"], s["state"], s["seconds"], s["note"].replace("|", "/")) for s in results["steps"]])]
    lines += ["## Targets", "", *table(("target", "limit", "reached", "verdict"),
                                       [(t["target"], f"{t['limit']} {t['unit']}", f"{number(t['value'])} {t['unit']}", t["verdict"]) for t in results["targets"]])]
    if kernel_table:
        lines += ["## Kernels", "", kernel_table.strip(), ""]
    if results["peers"]:
        peers = results["peers"]
        lines += ["## Peers", "", f"torch {peers['torch']}, triton {peers['triton']}, CUDA {peers['cuda']}.", "",
                  *table(("what", "peer", "shape", "type", "ms", "GB/s", "TFLOP/s", "distortion", "remark"),
                         [(p["kind"], p["peer"], p["shape"], p.get("type", "f16"), number(p.get("milliseconds")), number(p.get("gigabytes_per_second")),
                           number(p.get("teraflops_per_second")), number(p.get("distortion")),
                           p.get("error", p.get("note", f"{p['wrong_rows']} wrong rows" if p.get("wrong_rows") else "")).replace("|", "/")) for p in peers["peers"]])]
    if results["cluster"]:
        cluster = results["cluster"]
        lines += ["## The whole quantiser, from host memory", "",
                  *table(("C", "N", "D", "K", "algorithm", "s", "rows/s", "GB/s", "distortion"),
                         [(cluster["classes"], cluster["rows"], cluster["dimension"], cluster["centroids"], cluster["algorithm"], number(cluster.get("seconds")),
                           number(cluster.get("rows_per_second")), number(cluster.get("gigabytes_per_second")), f"{cluster['distortion']:.6g}")])]
    return "\n".join(lines)


def main(arguments):
    if len(arguments) == 3 and arguments[0] == "--registers":
        return registers(*arguments[1:])
    if len(arguments) != 1:
        print(__doc__)
        return 2
    folder = pathlib.Path(arguments[0])
    results = {"steps": steps_of(folder)}
    for name in ("kernel_bench", "cluster", "peers", "registers"):
        results[name] = load(folder / f"{name}.json")
    results["targets"] = targets(Measured(results["kernel_bench"], results["peers"]))
    kernel_table = folder / "kernel_bench.md"
    (folder / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    (folder / "results.md").write_text(
        markdown(results, kernel_table.read_text(encoding="utf-8") if kernel_table.exists() else ""), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
