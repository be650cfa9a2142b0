#!/usr/bin/python3
"""Runs `ddoq quantize` over a large store and measures it: time, rows/s, bytes/s beside a plain read, memory, scaling, resume.

Each run is a process of its own under `wait4`, whose peak resident memory is the kernel's figure. With --drop-caches (root)
the page cache is emptied before every run, so that the data come from the disk; otherwise the first read warms it.
"""
import argparse
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

RESULTS = ("prototypes.safetensors", "quality.csv", "stage.json")


def drop_caches():
    os.sync()
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3\n")


def read_plainly(folder):
    """One sequential pass with 8 MiB reads."""
    start, total = time.perf_counter(), 0
    buffer = bytearray(8 << 20)
    for path in sorted(folder.glob("*.safetensors")):
        with open(path, "rb", buffering=0) as file:
            while count := file.readinto(buffer):
                total += count
    return total, time.perf_counter() - start


def digest(path):
    # In pieces: a child starts with the peak resident memory of this process, which must stay small.
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            found.update(piece)
    return found.hexdigest()


def hashes(folder):
    return {name: digest(folder / name) for name in RESULTS}


class Bench:
    def __init__(self, options):
        self.options = options
        self.report = {"store": str(options.store.name), "runs": []}

    def command(self, output, workers, extra=()):
        return [
            *self.options.ddoq, "quantize", "--latents", str(self.options.store), "-o", str(output),
            "--ipc", str(self.options.ipc), "--workers", str(workers), *self.options.arguments, *extra,
        ]

    def run(self, name, output, workers, extra=(), kill_at=None, cold=True):
        if cold and self.options.drop_caches:
            drop_caches()
        start = time.perf_counter()
        log = self.options.work / f"{name}.log"
        with open(log, "wb") as file:
            child = subprocess.Popen(self.command(output, workers, extra), stdout=subprocess.DEVNULL, stderr=file)
            if kill_at is not None:
                classes = output / "classes"
                while child.poll() is None and (not classes.exists() or len(os.listdir(classes)) < kill_at):
                    time.sleep(0.05)
                child.send_signal(signal.SIGKILL)
            _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        text = log.read_text()
        last = re.findall(r"quantize: ([\d,]+)/([\d,]+) rows in ([^,]+), ([\d,.]+) rows/s", text)
        entry = {
            "name": name, "workers": workers, "seconds": round(seconds, 2), "exit": os.waitstatus_to_exitcode(status),
            "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2), "peak_mib": round(usage.ru_maxrss / 1024, 1),
            "rows_per_second": float(last[0][3].replace(",", "")) if last else None,
        }
        self.report["runs"].append(entry)
        print(json.dumps(entry), flush=True)
        if kill_at is None and entry["exit"] != 0:
            sys.exit(text)
        return entry


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder for outputs and logs; emptied")
    parser.add_argument("--ddoq", nargs="+", default=["ddoq"], help="the program, for example: dotnet src/Ddoq.Cli/.../Ddoq.Cli.dll")
    parser.add_argument("--ipc", type=int, default=50)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--arguments", nargs="*", default=[], help="further arguments of quantize, without the first --: memory=2GiB restarts=1")
    parser.add_argument("--drop-caches", action="store_true")
    parser.add_argument("--steps", nargs="+", choices=["read", "runs", "shares", "resume"], default=["read", "runs", "shares", "resume"])
    parser.add_argument("--kill-at", type=int, default=None, help="classes done when the run is killed; default: half of them")
    options = parser.parse_args()
    options.arguments = [part for pair in options.arguments for part in ("--" + pair.split("=")[0], pair.split("=")[1])]
    shutil.rmtree(options.work, ignore_errors=True)
    options.work.mkdir(parents=True)
    bench = Bench(options)
    reference = None

    if "read" in options.steps:
        if options.drop_caches:
            drop_caches()
        total, seconds = read_plainly(options.store)
        bench.report["plain_read"] = {"bytes": total, "seconds": round(seconds, 2), "bytes_per_second": round(total / seconds)}
        print(json.dumps(bench.report["plain_read"]), flush=True)
    if "runs" in options.steps:
        for workers in options.workers:
            output = options.work / f"workers-{workers}"
            bench.run(f"workers-{workers}", output, workers)
            found = hashes(output)
            reference = reference or found
            bench.report.setdefault("equal_bytes", {})[f"workers-{workers}"] = found == reference
            if workers != options.workers[0]:
                shutil.rmtree(output)
    if "resume" in options.steps:
        output = options.work / "resumed"
        whole = options.work / f"workers-{options.workers[0]}" / "quality.csv"
        classes = options.kill_at or (len(whole.read_text().splitlines()) - 1) // 2
        bench.run("killed", output, options.workers[-1], kill_at=classes, cold=False)
        bench.report["classes_when_killed"] = len(os.listdir(output / "classes"))
        bench.run("resumed", output, options.workers[-1], cold=False)
        bench.report.setdefault("equal_bytes", {})["resumed"] = hashes(output) == reference
        shutil.rmtree(output)
    if "shares" in options.steps:
        parts = [options.work / f"share-{number}" for number in (1, 2)]
        for number, part in enumerate(parts, 1):
            bench.run(part.name, part, options.workers[-1], ("--shard", f"{number}/2"), cold=False)
        start = time.perf_counter()
        subprocess.run([*options.ddoq, "merge", *map(str, parts), "-o", str(options.work / "merged")], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        bench.report["merge_seconds"] = round(time.perf_counter() - start, 2)
        bench.report.setdefault("equal_bytes", {})["merged"] = hashes(options.work / "merged") == reference
    print(json.dumps(bench.report["equal_bytes"] if "equal_bytes" in bench.report else {}))
    (options.work / "report.json").write_text(json.dumps(bench.report, indent=1) + "\n")


if __name__ == "__main__":
    main()
