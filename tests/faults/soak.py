#!/usr/bin/python3
"""Small whole runs whose stages are killed at random moments and run again until they are done, for hours.

Every run must end with the bytes of one that nobody disturbed, times left out. Allowed ends of a process: 0; killed by the SIGKILL it
was sent; 143 after the SIGTERM it was sent. Of each process are kept the end, the greatest resident memory and the most open
descriptors, and how long it took to stop after SIGTERM.

    tests/faults/soak.py PROGRAM [--minutes 120] [--seed 1] [--record FILE.csv]

Prints a table of Markdown on standard output, and what was wrong on standard error.
"""
import argparse, csv, os, random, shutil, signal, statistics, subprocess, sys, tempfile, time

from inject import content, small_data

LIMIT = 3600  # seconds after which a process counts as hanging
TRIES = 60  # a stage that is killed this often is then left alone, so that every run ends


class Stage:
    def __init__(self, name, arguments, output):
        self.name, self.arguments, self.output = name, arguments, output
        self.seconds = 0.0  # of the undisturbed run


class Process:
    """One process: started, watched, perhaps signalled, ended."""

    def __init__(self, command, environment, kill=None, after=0.0):
        self.resident = self.handles = 0
        self.signalled, self.stopping = None, 0.0
        started = time.monotonic()
        with tempfile.TemporaryFile() as errors:
            child = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=errors)
            while child.poll() is None:
                self.look(child.pid)
                now = time.monotonic() - started
                if kill and not self.signalled and now >= after:
                    child.send_signal(kill)
                    self.signalled, sent = kill, now
                if now > LIMIT:
                    child.kill()
                time.sleep(0.02)
            self.seconds = time.monotonic() - started
            if self.signalled == signal.SIGTERM:
                self.stopping = self.seconds - sent
            self.code = child.returncode
            errors.seek(0)
            self.errors = errors.read().decode(errors="replace")

    def look(self, pid):
        try:
            with open(f"/proc/{pid}/status") as file:
                for line in file:
                    if line.startswith("VmHWM:"):
                        self.resident = max(self.resident, int(line.split()[1]) // 1024)
            self.handles = max(self.handles, len(os.listdir(f"/proc/{pid}/fd")))
        except OSError:
            pass  # it ended meanwhile

    @property
    def done(self):
        return self.code == 0

    @property
    def allowed(self):
        return self.done or (self.signalled == signal.SIGKILL and self.code == -signal.SIGKILL) \
            or (self.signalled == signal.SIGTERM and self.code in (143, -signal.SIGTERM))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--per-class", type=int, default=12)
    parser.add_argument("--record", help="a line of CSV for each process")
    options = parser.parse_args()
    dice = random.Random(options.seed)
    root = tempfile.mkdtemp(prefix="ddoq-soak-")
    temporary = os.path.join(root, "tmp")
    work = os.path.join(root, "work")
    os.makedirs(temporary)
    data = os.path.join(root, "data")
    small_data(data, options.per_class)
    path = lambda name: os.path.join(work, name)
    stages = [
        Stage("encode", ["--data-dir", data, "-o", path("latents"), "--rows-per-shard", "16"], "latents"),
        Stage("quantize", ["--latents", path("latents"), "--ipc", "4", "-o", path("prototypes")], "prototypes"),
        Stage("synthesize", ["--prototypes", path("prototypes"), "--num-inference-steps", "6", "--batch-size", "4", "-o", path("set")], "set"),
        Stage("label", ["--distilled", path("set")], "set"),
        Stage("select", ["--data-dir", data, "--ipc", "3", "-o", path("kept")], "kept"),
        Stage("train", ["--data-dir", data, "--distilled", path("set"), "--updates", "100", "--train-batch-size", "10", "--repeats", "3",
                        "--network-width", "16", "-o", path("students")], "students"),
    ]
    environment = dict(os.environ, TMPDIR=temporary)

    def run(stage, kill=None, after=0.0):
        return Process([options.program, stage.name, *stage.arguments, "--workers", str(dice.randint(1, 2)), "-q"], environment, kill, after)

    right = {}
    for stage in stages:
        clean = run(stage)
        if not clean.done:
            sys.exit(f"{stage.name} fails undisturbed: {clean.errors}")
        stage.seconds = clean.seconds
        right[stage.name] = content(path(stage.output))

    record = csv.writer(open(options.record, "w", newline="", buffering=1)) if options.record else None
    if record:
        record.writerow(["run", "stage", "signal", "exit_code", "seconds", "stopping_seconds", "resident_mib", "handles"])
    started, runs, bad, seen = time.monotonic(), 0, [], {stage.name: [] for stage in stages}

    def wrong(text):
        bad.append(text)
        print(text, file=sys.stderr, flush=True)

    while time.monotonic() - started < 60 * options.minutes:
        shutil.rmtree(work)
        runs += 1
        for stage in stages:
            for attempt in range(TRIES + 1):
                kill = dice.choice([signal.SIGKILL, signal.SIGTERM]) if attempt < TRIES and dice.random() < 0.75 else None
                process = run(stage, kill, dice.uniform(0, 1.1 * stage.seconds))
                process.run = runs
                seen[stage.name].append(process)
                if record:
                    name = process.signalled.name if process.signalled else ""
                    record.writerow([runs, stage.name, name, process.code, f"{process.seconds:.2f}", f"{process.stopping:.2f}", process.resident, process.handles])
                if not process.allowed or "this is a defect" in process.errors:
                    wrong(f"run {runs}, {stage.name}: sent {process.signalled}, exit code {process.code}: {process.errors[-2000:]}")
                    break
                if process.done:
                    break
            other = content(path(stage.output))
            if other != right[stage.name]:
                names = sorted(name for name in right[stage.name].keys() | other.keys() if right[stage.name].get(name) != other.get(name))
                wrong(f"run {runs}, {stage.name}: other bytes: {', '.join(names)}")
        print(f"{runs} runs, {(time.monotonic() - started) / 60:.0f} min, {len(bad)} wrong", file=sys.stderr, flush=True)

    print("| stage | processes | killed | stopped by SIGTERM | done | longest stop, s | memory of whole runs, MiB: first half, second half, most | handles: first half, second half, most |")
    print("|---|---|---|---|---|---|---|---|")
    for stage in stages:
        processes = seen[stage.name]
        whole = [p for p in processes if p.done]
        halves = [[p for p in whole if (p.run * 2 > runs) == late] or whole for late in (False, True)]
        flat = lambda value: ", ".join(f"{statistics.median(map(value, half)):.0f}" for half in halves) + f", {max(map(value, processes))}"
        ended = [sum(p.signalled == s and not p.done for p in processes) for s in (signal.SIGKILL, signal.SIGTERM)]
        print(f"| {stage.name} | {len(processes)} | {ended[0]} | {ended[1]} | {len(whole)} | {max(p.stopping for p in processes):.1f} "
              f"| {flat(lambda p: p.resident)} | {flat(lambda p: p.handles)} |")
    left = [name for _, _, names in os.walk(temporary) for name in names if not name.startswith(("clr-debug-pipe-", "dotnet-diagnostic-"))]
    print(f"\n{runs} runs of {len(stages)} stages in {(time.monotonic() - started) / 60:.0f} minutes, {len(bad)} wrong; "
          f"{len(left)} files left in the folder for temporary ones, beside the pipes of .NET's debugger.")
    shutil.rmtree(root)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
