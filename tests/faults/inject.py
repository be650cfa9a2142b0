#!/usr/bin/python3
"""Fails one file call after another of a small whole run, and runs each stage again.

Allowed after a fault: the stage succeeds all the same, or says `error:` with exit code 1 and no stack; and the same command run
again, without a fault, gives the very bytes of a run that met none. Times are left out of the comparison.

    tests/faults/inject.py PROGRAM [--calls open,write,flush,rename,read,map] [--seconds 1800] [--every N]

Needs a C compiler. Prints a table of Markdown on standard output.
"""
import argparse, gzip, os, shutil, struct, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
SAMPLE = os.path.join(HERE, "..", "..", "samples", "fashion-mnist")
CALLS = ["open", "write", "flush", "rename", "read", "map"]


def small_data(folder, per_class):
    os.makedirs(folder)
    for split in ("train", "t10k"):
        images = gzip.open(os.path.join(SAMPLE, f"{split}-images-idx3-ubyte.gz")).read()
        labels = gzip.open(os.path.join(SAMPLE, f"{split}-labels-idx1-ubyte.gz")).read()
        taken, rows = [0] * 10, []
        for i, label in enumerate(labels[8:]):
            if taken[label] < per_class:
                taken[label] += 1
                rows.append(i)
        with open(os.path.join(folder, f"{split}-images-idx3-ubyte"), "wb") as file:
            file.write(images[:4] + struct.pack(">I", len(rows)) + images[8:16] + b"".join(images[16 + 784 * i:800 + 784 * i] for i in rows))
        with open(os.path.join(folder, f"{split}-labels-idx1-ubyte"), "wb") as file:
            file.write(labels[:4] + struct.pack(">I", len(rows)) + bytes(labels[8 + i] for i in rows))
    shutil.copy(os.path.join(SAMPLE, "classes.txt"), folder)


def content(folder):
    """All files but those of times and torch's state of the clock."""
    return {os.path.relpath(os.path.join(at, name), folder): open(os.path.join(at, name), "rb").read()
            for at, _, names in os.walk(folder) for name in names if "timing" not in name and "checkpoint" not in at}


class Stage:
    def __init__(self, name, arguments, output):
        self.name, self.arguments, self.output = name, arguments, output


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--calls", default=",".join(CALLS))
    parser.add_argument("--stages", default="encode,quantize,synthesize,label,train")
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--every", type=int, default=1, help="inject every n-th call only")
    options = parser.parse_args()
    root = tempfile.mkdtemp(prefix="ddoq-faults-")
    shim = os.path.join(root, "inject.so")
    subprocess.check_call([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-Wall", "-o", shim, os.path.join(HERE, "inject.c"), "-ldl", "-lpthread"])
    work = os.path.join(root, "work")
    path = lambda name: os.path.join(work, name)
    small_data(path("data"), 3)
    stages = [
        Stage("encode", ["--data-dir", path("data"), "-o", path("latents"), "--rows-per-shard", "16"], "latents"),
        Stage("quantize", ["--latents", path("latents"), "--ipc", "2", "-o", path("prototypes")], "prototypes"),
        Stage("synthesize", ["--prototypes", path("prototypes"), "--num-inference-steps", "2", "-o", path("set")], "set"),
        Stage("label", ["--distilled", path("set")], "set"),
        Stage("train", ["--data-dir", path("data"), "--distilled", path("set"), "--updates", "2", "--repeats", "1", "--network-width", "16", "-o", path("students")], "students"),
    ]
    program = ["dotnet", options.program] if options.program.endswith(".dll") else [options.program]

    def run(stage, call=None, at=0, count=None):
        environment = dict(os.environ)
        if call:
            environment.update(LD_PRELOAD=shim, DDOQ_FAULT_CALL=call, DDOQ_FAULT_AT=str(at), DDOQ_FAULT_UNDER=work, **({"DDOQ_FAULT_COUNT": count} if count else {}))
        return subprocess.run([*program, stage.name, *stage.arguments, "--workers", "1"], env=environment, capture_output=True, text=True, timeout=300)

    def restore(stage, before):
        shutil.rmtree(path(stage.output), ignore_errors=True)
        if os.path.isdir(before):
            shutil.copytree(before, path(stage.output))

    started, rows, bad = time.time(), [], 0
    for stage in stages:
        before = os.path.join(root, "before")
        shutil.rmtree(before, ignore_errors=True)
        if os.path.isdir(path(stage.output)):
            shutil.copytree(path(stage.output), before)
        done = run(stage)
        if done.returncode:
            sys.exit(f"{stage.name} fails without a fault: {done.stderr}")
        right = content(path(stage.output))
        kept = os.path.join(root, "kept")
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(path(stage.output), kept)
        if stage.name not in options.stages.split(","):
            continue
        for call in options.calls.split(","):
            restore(stage, before)
            count = os.path.join(root, "count")
            if os.path.exists(count):
                os.remove(count)
            run(stage, call, 0, count)
            calls = os.path.getsize(count) if os.path.exists(count) else 0
            tried = refused = unnoticed = 0
            for at in range(1, calls + 1, options.every):
                if time.time() - started > options.seconds:
                    break
                restore(stage, before)
                try:
                    fault = run(stage, call, at)
                    again = run(stage)
                except subprocess.TimeoutExpired:
                    bad += 1
                    print(f"{stage.name} {call} {at}: no end within 300 s", file=sys.stderr)
                    continue
                tried += 1
                refused += fault.returncode == 1
                unnoticed += fault.returncode == 0
                wrong = []
                if fault.returncode not in (0, 1) or (fault.returncode == 1 and ("error: " not in fault.stderr or "hint: " not in fault.stderr)):
                    wrong.append(f"exit code {fault.returncode}: {fault.stderr[-2000:]}")
                if "this is a defect" in fault.stderr or "   at " in fault.stderr:
                    wrong.append(fault.stderr[-2000:])
                if again.returncode:
                    wrong.append(f"run again: exit code {again.returncode}: {again.stderr[-2000:]}")
                elif content(path(stage.output)) != right:
                    other = content(path(stage.output))
                    wrong.append("run again: other bytes: " + ", ".join(sorted(name for name in right.keys() | other.keys() if right.get(name) != other.get(name))))
                if wrong:
                    bad += 1
                    print(f"{stage.name} {call} {at}: " + "\n  ".join(wrong), file=sys.stderr)
            rows.append((stage.name, call, calls, tried, refused, unnoticed))
            print("\t".join(map(str, rows[-1])), file=sys.stderr)
        restore(stage, kept)

    print("| stage | call | calls | failed once | told as an error | had no effect |\n|---|---|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")
    shutil.rmtree(root)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
