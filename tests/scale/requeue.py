#!/usr/bin/python3
"""Running shares of an array that Slurm ends: they go on where they were, and no other share is touched.

    tests/scale/requeue.py PROGRAM [--nodes 2]

An array of four shares of `synthesize`, from the plan's own script, on a Slurm of its own (slurm.py). One share at work gets
`scancel --signal=TERM`, as Slurm sends it ahead of a time limit: the program leaves with 143 and the script requeues its task. One is
requeued from outside by `scontrol requeue`, as an administrator or a preemption does it; the last share, whose job id is the array's
own, gets the signal too. Then the merge: the bytes of one process. Images that were there before an end are the same files afterwards.
"""
import argparse, json, os, shutil, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from slurm import Slurm, content
from inject import small_data

SHARES, IMAGES = 4, 40


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--steps", default="300", help="network calls per image: enough that shares are caught at work")
    options = parser.parse_args()
    program, root = os.path.abspath(options.program), tempfile.mkdtemp(prefix="ddoq-requeue-")
    work, bad = os.path.join(root, "work"), []
    os.makedirs(work)
    small_data(os.path.join(work, "data"), 12)

    def ddoq(*arguments):
        done = subprocess.run([program, *arguments], cwd=work, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"ddoq {' '.join(arguments)}: exit code {done.returncode}: {done.stderr}")

    ddoq("plan", "--data-dir", "data", "--ipc", str(IMAGES // 10), "--num-inference-steps", options.steps, "--batch-size", "1", "--protocol", "small-image", "--updates", "2", "--repeats", "1",
         "--network-width", "16", "-o", "run", "--share-minutes", "0.001", "--most-shares", str(SHARES), "--cpus", "1", "--program", program)
    config, script = os.path.join(work, "run/jobs/config.toml"), os.path.join(work, "run/jobs/slurm/3-synthesize.sbatch")
    for stage, arguments in (("encode", ["-o", "run/latents"]), ("quantize", ["--latents", "run/latents", "-o", "run/prototypes"]), ("synthesize", ["--prototypes", "run/prototypes", "-o", "one"])):
        ddoq(stage, "-c", config, *arguments)
    produced = os.path.join(work, "run/set")
    log = lambda task: open(os.path.join(root, f"{task}.log")).read()
    with Slurm(os.path.join(root, "slurm"), options.nodes) as slurm:
        submitted = slurm.run(["sbatch", "--parsable", "--open-mode=append", "--output", os.path.join(root, "%a.log"), script], cwd=work)
        if submitted.returncode:
            sys.exit(submitted.stderr)
        array = submitted.stdout.strip()
        tasks = lambda: {task: (job, state) for job, _, task, _, state, _ in slurm.jobs()}
        per_share, restarts_expected, seen = IMAGES // SHARES, {str(task): 0 for task in range(1, SHARES + 1)}, {}

        def own(task):
            # A share is a run of batches of one image each, in the order of the metadata.
            mine = [os.path.join(produced, "train", json.loads(line)["file_name"]) for line in open(os.path.join(work, "one/train/metadata.jsonl"))]
            return {path: os.stat(path).st_ino for path in mine[(int(task) - 1) * per_share:int(task) * per_share] if os.path.exists(path)}

        for task, way in (("1", "scancel"), ("2", "scontrol"), (str(SHARES), "scancel")):
            slurm.wait(lambda: tasks()[task][1] == "RUNNING" and own(task), f"share {task} at work", 600)
            job, others = tasks()[task][0], sorted(state for name, (_, state) in tasks().items() if name != task)
            began, seen[task] = time.time(), own(task)
            if way == "scontrol":
                done = slurm.run(["scontrol", "requeue", f"{array}_{task}"])
                bad += [f"scontrol requeue: {done.stderr}"] if done.returncode else []
            else:
                # It tries again and again while the job is being requeued, until it meets the next start.
                caller = subprocess.Popen(["scancel", "--signal=TERM", f"{array}_{task}"], env=slurm.environment, stderr=subprocess.DEVNULL)
            slurm.wait(lambda: tasks()[task][1] != "RUNNING", f"end of share {task}", 120)
            if way == "scancel":
                caller.kill()
                caller.wait()
            restarts_expected[task] += 1
            print(f"share {task} (job {job}{', which is the id of the array too' if job == array else ''}), {way}: {len(seen[task])} of {per_share} images there, not running after {time.time() - began:.1f} s; the others {', '.join(others)}", flush=True)
        while any(state in ("PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "REQUEUED") for *_, state, _ in slurm.jobs()):
            time.sleep(0.5)
        states = {task: state for task, (_, state) in tasks().items()}
        restarts = {}
        for task in restarts_expected:
            shown = slurm.run(["scontrol", "show", "job", f"{array}_{task}"]).stdout
            restarts[task] = int(shown.split("Restarts=")[1].split()[0])
    bad += [f"share {task} is {state}" for task, state in states.items() if state != "COMPLETED"]
    bad += [f"share {task} was requeued {restarts[task]} times, {count} expected" for task, count in restarts_expected.items() if restarts[task] != count]
    bad += [f"{os.path.relpath(path, produced)} was made again" for before in seen.values() for path, inode in before.items() if os.stat(path).st_ino != inode]
    ddoq("merge", "run/set")
    one, many = content(os.path.join(work, "one")), content(produced)
    different = sorted(name for name in one.keys() | many.keys() if one.get(name) != many.get(name))
    bad += [f"{name} differs" for name in different[:5]]
    print(f"restarts of the {SHARES} shares: {', '.join(str(restarts[t]) for t in sorted(restarts))}; {len(many)} files, {len(different)} different from those of one process")
    print("\n".join(bad), file=sys.stderr)
    if bad:
        for task in restarts_expected:
            print(f"--- {task}\n{log(task)[-1500:]}", file=sys.stderr)
    shutil.rmtree(root)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
