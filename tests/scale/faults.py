#!/usr/bin/python3
"""Random faults over runs in shares: killed, stopped, run twice at once, disk full, a rename that fails, a unit deleted or cut short.

Allowed after a fault: the shares join to the very bytes of one whole run, or an error names what is missing and the shares run
again give those bytes. Nothing else: no other bytes, no stack, no end without an end.

    tests/scale/faults.py PROGRAM [--faults 200] [--seed 1] [--at-once 2]

Needs a C compiler. Prints a table of Markdown on standard output.
"""
import argparse, concurrent.futures, os, random, shutil, signal, subprocess, sys, tempfile, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "faults"))
from inject import small_data

SHARES = 3
KINDS = ["kill -9", "SIGTERM, requeued", "the share twice at once", "disk full", "rename fails", "unit deleted", "unit cut short"]
UNITS = {"encode": (".", "latents-"), "quantize": ("classes", ""), "synthesize": ("train", ""), "select": ("train", ""), "label": ("parts", ""), "train": (".", "result.json")}


def content(folder):
    return {os.path.relpath(os.path.join(at, name), folder): open(os.path.join(at, name), "rb").read()
            for at, _, names in os.walk(folder) for name in names if "timing" not in name and "checkpoint" not in at and name != "config.toml"}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--stages", default="encode,quantize,synthesize,select,label,train")
    options = parser.parse_args()
    root = tempfile.mkdtemp(prefix="ddoq-share-faults-")
    shim = os.path.join(root, "inject.so")
    subprocess.check_call([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-Wall", "-o", shim, os.path.join(HERE, "..", "faults", "inject.c"), "-ldl", "-lpthread"])
    base = os.path.join(root, "base")
    at = lambda folder, name: os.path.join(folder, name)
    os.makedirs(base)
    small_data(at(base, "data"), 12)
    shared = at(base, "whole")

    # Inputs are the whole run's, outputs the trial's.
    def arguments(stage, folder):
        return {
            "encode": ["--data-dir", at(base, "data"), "--rows-per-shard", "8", "-o", at(folder, "latents")],
            "quantize": ["--latents", at(shared, "latents"), "--ipc", "3", "-o", at(folder, "prototypes")],
            "synthesize": ["--prototypes", at(shared, "prototypes"), "--num-inference-steps", "4", "--batch-size", "2", "-o", at(folder, "set")],
            "select": ["--data-dir", at(base, "data"), "--latents", at(shared, "latents"), "--ipc", "3", "-o", at(folder, "coreset")],
            "label": ["--distilled", at(folder, "set"), "--class-check", "warn"],
            "train": ["--data-dir", at(base, "data"), "--distilled", at(shared, "set"), "--protocol", "small-image", "--updates", "6", "--repeats", "3", "--network-width", "16", "-o", at(folder, "students")],
        }[stage]

    outputs = {"encode": "latents", "quantize": "prototypes", "synthesize": "set", "select": "coreset", "label": "set/labels", "train": "students"}

    def start(stage, folder, share=None, environment=None):
        return subprocess.Popen([options.program, stage, *arguments(stage, folder), "--workers", "1", *(["--shard", f"{share}/{SHARES}"] if share else [])],
                                env=dict(os.environ, **(environment or {})), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(process, seconds=300):
        try:
            _, error = process.communicate(timeout=seconds)
            return process.returncode, error
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return None, f"no end within {seconds} s"

    def run(stage, folder, share=None, environment=None):
        return finish(start(stage, folder, share, environment))

    def merge(stage, folder):
        return finish(subprocess.Popen([options.program, "merge", at(folder, outputs[stage])], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))

    right, seconds, calls, names = {}, {}, {}, options.stages.split(",")
    for stage in outputs:
        code, error = run(stage, shared)
        if code:
            sys.exit(f"{stage} fails without a fault: {error}")
    unlabelled = at(base, "unlabelled")
    shutil.copytree(at(shared, "set"), at(unlabelled, "set"), ignore=lambda folder, files: [f for f in files if f.startswith(("labels", "soft_labels"))])
    for stage in names:
        right[stage] = content(at(shared, outputs[stage] if stage != "synthesize" else "set"))
        if stage == "synthesize":
            right[stage] = {name: data for name, data in right[stage].items() if not name.startswith(("labels", "soft_labels"))}
        begun = at(base, f"begun-{stage}")
        shutil.copytree(unlabelled, begun) if stage == "label" else os.makedirs(begun)
        for share in range(1, SHARES):
            code, error = run(stage, begun, share)
            if code:
                sys.exit(f"{stage} {share}/{SHARES} fails without a fault: {error}")
        trial = at(base, f"timed-{stage}")
        shutil.copytree(begun, trial)
        began = time.time()
        run(stage, trial, SHARES)
        seconds[stage] = time.time() - began
        for call in ("write", "rename"):
            shutil.rmtree(trial)
            shutil.copytree(begun, trial)
            count = at(base, "count")
            open(count, "w").close()
            run(stage, trial, SHARES, dict(LD_PRELOAD=shim, DDOQ_FAULT_CALL=call, DDOQ_FAULT_AT="0", DDOQ_FAULT_UNDER=trial, DDOQ_FAULT_COUNT=count))
            calls[stage, call] = os.path.getsize(count)
        shutil.rmtree(trial)

    plans = random.Random(options.seed)
    # Students take longest to start and to train: they get one fault where the others get four.
    turns = [name for name in names for _ in range(1 if name == "train" else 4)]
    todo = [(number, turns[plans.randrange(len(turns))], KINDS[number % len(KINDS)], plans.random(), plans.random()) for number in range(options.faults)]
    table = {(stage, kind): [0, 0, 0, 0] for stage in names for kind in KINDS}
    slowest, lock, bad = [0.0], threading.Lock(), []

    def one(fault):
        number, stage, kind, when, which = fault
        folder = at(root, f"trial-{number}")
        shutil.copytree(at(base, f"begun-{stage}"), folder)
        output, problems, errors = at(folder, outputs[stage]), [], []
        same = lambda: {name: data for name, data in content(output).items()} == right[stage]

        def told(code, error, allowed):
            if code not in allowed:
                problems.append(f"exit code {code}: {error[-600:]}")
            if "this is a defect" in error or "\n   at " in error:
                problems.append(error[-1500:])
            if code == 1 and ("error: " not in error or "hint: " not in error):
                problems.append(f"an error without words: {error[-600:]}")
            errors.append(error)

        if kind in ("unit deleted", "unit cut short"):
            folder_of, prefix = UNITS[stage]
            files = sorted(os.path.join(at_, name) for at_, _, files in os.walk(os.path.join(output, folder_of)) for name in files
                           if name.startswith(prefix) and not name.startswith(".") and "timing" not in name and "shares" not in at_ and "checkpoint" not in at_ and name != "stage.json" and name != "config.toml")
            if files:
                victim = files[int(which * len(files))]
                if kind == "unit deleted":
                    os.remove(victim)
                else:
                    with open(victim, "r+b") as file:
                        file.truncate(int(when * os.path.getsize(victim)))
            told(*run(stage, folder, SHARES), (0, 1))
        elif kind == "the share twice at once":
            pair = [start(stage, folder, SHARES), start(stage, folder, SHARES)]
            for process in pair:
                told(*finish(process), (0, 1))
        elif kind in ("disk full", "rename fails"):
            call = "write" if kind == "disk full" else "rename"
            told(*run(stage, folder, SHARES, dict(LD_PRELOAD=shim, DDOQ_FAULT_CALL=call, DDOQ_FAULT_AT=str(1 + int(when * max(1, calls[stage, call]))), DDOQ_FAULT_UNDER=folder)), (0, 1))
        else:
            process = start(stage, folder, SHARES)
            time.sleep(when * seconds[stage])
            sent = time.time()
            process.send_signal(signal.SIGKILL if kind == "kill -9" else signal.SIGTERM)
            # Before the program's first line the runtime's own handler ends it: -15 then, as Slurm and Kubernetes see 143.
            told(*finish(process), (0, -9) if kind == "kill -9" else (0, 143, -15))
            if kind != "kill -9":
                with lock:
                    slowest[0] = max(slowest[0], time.time() - sent)
        code, error = merge(stage, folder)
        at_once = code == 0 and same()
        if code == 0 and not at_once:
            wrong = content(output)
            problems.append("merged to other bytes: " + ", ".join(sorted(name for name in wrong.keys() | right[stage].keys() if wrong.get(name) != right[stage].get(name))[:5]))
        elif code:
            told(code, error, (1,))
        if not at_once:
            # As a scheduler does: the share again, then, where others lost something, all of them.
            for share in (SHARES, *range(1, SHARES)):
                told(*run(stage, folder, share), (0, 1))
                if same():
                    break
            else:
                code, error = merge(stage, folder)
            if not same():
                wrong = content(output)
                problems.append(f"run again: exit code {code}: {error[-600:]}: " + ", ".join(sorted(name for name in wrong.keys() | right[stage].keys() if wrong.get(name) != right[stage].get(name))[:5]))
        with lock:
            row = table[stage, kind]
            row[0] += 1
            row[1] += at_once
            row[2] += not at_once and not problems
            row[3] += bool(problems)
            if problems:
                bad.append((number, stage, kind, problems))
                print(f"{number} {stage} {kind}: " + "\n  ".join(problems), file=sys.stderr, flush=True)
            elif number % 20 == 0:
                print(f"{number} of {options.faults}", file=sys.stderr, flush=True)
        shutil.rmtree(folder)

    with concurrent.futures.ThreadPoolExecutor(options.at_once) as pool:
        list(pool.map(one, todo))
    print(f"| fault | {' | '.join(names)} | the bytes of one run at once | named, then those bytes | wrong |\n|---|{'---|' * (len(names) + 3)}")
    for kind in KINDS:
        rows = [table[stage, kind] for stage in names]
        print(f"| {kind} | {' | '.join(str(row[0]) for row in rows)} | {sum(row[1] for row in rows)} | {sum(row[2] for row in rows)} | {sum(row[3] for row in rows)} |")
    print(f"\n{sum(row[0] for row in table.values())} faults, {len(bad)} wrong; the slowest end after a SIGTERM took {slowest[0]:.1f} s.")
    shutil.rmtree(root)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
