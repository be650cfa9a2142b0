#!/usr/bin/env python3
"""Joins what first.sh or second.sh has so far in a folder: results.json, and results.md with the targets.

report.py FOLDER
report.py --registers PTXAS_LOG REGISTERS_JSON    turns what ptxas says into a table; exit code 1 when a kernel spills

Files of results hold one JSON object a line; a last line that was cut off is left out.
"""
import json
import pathlib
import re
import statistics
import sys

RESULTS = ("ceilings", "kernels", "kernels_fresh", "cluster", "peers")
TASK = {"classes": 1000, "rows": 1300, "dimension": 4096, "centroids": 50}
RESIDENT = "all classes resident"
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


def lines_of(path):
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            print(f"{path}: a line is not JSON: {line[:80]}")
    return rows


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

    def __init__(self, results):
        self.kernels = [row for row in results["kernels"] if not row["emulated"] and row["milliseconds"] is not None]
        self.peers = [row for row in results["ceilings"] + results["peers"] if "milliseconds" in row]
        self.cluster = results["cluster"]

    def kernel(self, symbol, field):
        found = [row[field] for row in self.kernels if row["kernel"] == symbol]
        return found[0] if found else None

    def task_seconds(self):
        """Device time of the computing part with the whole task resident: measured at that size, not scaled."""
        times = [row["compute_seconds"] for row in self.cluster if "compute_seconds" in row and row["batches"] == RESIDENT
                 and all(row[key] == value for key, value in TASK.items())]
        return statistics.median(times) if times else None

    def ahead(self, ours, kind, **match):
        """Time of the fastest peer over ours; ceilings, and peers with wrong rows, are not peers."""
        rows = [row for row in self.peers if row["kind"] == kind and not row.get("ceiling") and not row.get("wrong_rows")
                and all(row.get(key) == value for key, value in match.items())]
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
    rows.append(verdict("1000 x 1300 x 4096, K = 50, from device memory (events around the computing part)", measured.task_seconds(), 0.1, False, "s"))
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


def kernel_rows(rows):
    def percent(value):
        return "-" if value is None else f"{100 * value:.1f}"

    return [(row["kernel"], row["shape"], number(row["milliseconds"]), percent(row["noise"]), number(row["gigabytes_per_second"]),
             number(row["teraflops_per_second"]), percent(row["share_of_copy"]), percent(row["share_of_roofline"]),
             (row.get("error") or row.get("remark") or "").replace("|", "/")) for row in rows]


def markdown(results):
    measured = [row for name in RESULTS for row in results[name]]
    lines = [f"# {measured[0]['device'] if measured else 'no device'}", ""]
    if any(row.get("emulated") for row in measured):
        lines += ["Emulated: logic only, no speed. Nothing here says anything about a GPU.", ""]
    lines += ["## Steps", "", *table(("step", "state", "seconds", "note"), [(s["step"], s["state"], s["seconds"], s["note"].replace("|", "/")) for s in results["steps"]])]
    lines += ["## Targets", "", *table(("target", "limit", "reached", "verdict"),
                                       [(t["target"], f"{t['limit']} {t['unit']}", f"{number(t['value'])} {t['unit']}", t["verdict"]) for t in results["targets"]])]
    if results["checks"]:
        lines += ["## Checks", "", *(f"- {name}: {words}" for name, words in results["checks"].items()), ""]
    if results["cluster"]:
        lines += ["## The whole quantiser", "", "`s` is from the host's memory to the host's memory, `compute s` the device's time from rows to results in its own.", "",
                  *table(("C", "N", "D", "K", "algorithm", "batches", "s", "compute s", "GB/s", "iterations", "moves", "distortion"),
                         [(row["classes"], row["rows"], row["dimension"], row["centroids"], row["algorithm"], row["batches"], number(row.get("seconds")),
                           number(row.get("compute_seconds")), number(row.get("gigabytes_per_second")), row["iterations"], row["moves"], f"{row['distortion']:.6g}")
                          for row in results["cluster"]])]
    for name, title in (("kernels", "Kernels"), ("kernels_fresh", "Kernels, compiled on the machine")):
        if results[name]:
            lines += [f"## {title}", "", *table(("kernel", "shape", "ms", "noise %", "GB/s", "TFLOP/s", "% of copy", "% of roofline", "remark"), kernel_rows(results[name]))]
    peers = results["ceilings"] + results["peers"]
    if peers:
        lines += ["## Peers", "", f"torch {peers[0]['torch']}, triton {peers[0]['triton']}, CUDA {peers[0]['cuda']}.", "",
                  *table(("what", "peer", "shape", "type", "ms", "GB/s", "TFLOP/s", "distortion", "remark"),
                         [(p["kind"], p["peer"], p["shape"], p.get("type", "f16"), number(p.get("milliseconds")), number(p.get("gigabytes_per_second")),
                           number(p.get("teraflops_per_second")), number(p.get("distortion")),
                           p.get("error", p.get("note", f"{p['wrong_rows']} wrong rows: no peer" if p.get("wrong_rows") else "")).replace("|", "/")) for p in peers])]
    return "\n".join(lines)


def checks_of(folder):
    """The closing line of each check, and its cases that failed."""
    found = {}
    for log in sorted((folder / "logs").glob("check_*.log")):
        text = log.read_text(encoding="utf-8", errors="replace").splitlines()
        failed = [line for line in text if line.startswith("FAILED")]
        closing = [line for line in text if re.match(r"\d+ passed", line)]
        found[log.stem] = "; ".join([closing[-1] if closing else "did not come to its end", *failed[:20]])
    return found


def main(arguments):
    if len(arguments) == 3 and arguments[0] == "--registers":
        return registers(*arguments[1:])
    if len(arguments) != 1:
        print(__doc__)
        return 2
    folder = pathlib.Path(arguments[0])
    results = {"steps": steps_of(folder), **{name: lines_of(folder / f"{name}.jsonl") for name in RESULTS}}
    results["checks"] = checks_of(folder)
    registers_json = folder / "registers.json"
    results["registers"] = json.loads(registers_json.read_text(encoding="utf-8")) if registers_json.exists() else None
    results["targets"] = targets(Measured(results))
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (folder / "results.md").write_text(markdown(results), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
