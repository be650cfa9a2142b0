#!/usr/bin/python3
"""What dividing a run costs beside the work: 21,841 classes in 1,000 shares; and two processes beside one for every stage.

    bench/scale/scheduler.py PROGRAM --work FOLDER [--classes 21841] [--shares 1000] [--parts cost,speedup]

`cost`: one process makes the files of all classes (16 rows of 64 values each: the work is small, the number of files is not), a sample
of shares is run as processes of their own, and the records of the others are written in the program's form. Then `merge` and
`status` are timed, with their peak memory, and files are counted by folder.

`speedup`: each stage on a part of the sample by one process with one worker, and by two shares of one worker at once. Wall clock and
processor time; the second tells what a busy machine hides. Prints Markdown.
"""
import argparse, json, os, resource, shutil, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tests", "faults"))


def run(command, **more):
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
    out, error = process.communicate()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        sys.exit(f"{' '.join(command)}: exit code {process.returncode}: {error[-2000:]}")
    return {"wall": time.time() - began, "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, "out": out, "error": error}


def peak(command):
    """Wall clock, processor time and peak resident memory of one process."""
    done = run([sys.executable, "-c", "import resource,subprocess,sys; c=subprocess.call(sys.argv[1:], stdout=sys.stderr); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(c)", *command])
    return done["wall"], done["cpu"], int(done["out"].strip().splitlines()[-1]) / 1024


def cost(options):
    work, ddoq = options.work, os.path.abspath(options.program)
    store, shared, whole = (os.path.join(work, name) for name in ("store", "shared", "whole"))
    run([sys.executable, os.path.join(HERE, "generate.py"), store, "--classes", str(options.classes), "--rows", "16", "16", "--dimension", "64", "--shard-rows", "65536"])
    quantize = [ddoq, "quantize", "--latents", store, "--ipc", "10", "--restarts", "1", "--workers", "2", "--quiet"]
    one = run([*quantize, "-o", whole])
    shutil.copytree(whole, shared)
    for name in ("prototypes.safetensors", "quality.csv"):
        os.remove(os.path.join(shared, name))
    record = json.load(open(os.path.join(shared, "stage.json")))
    record.update(completed=False, outputs={})
    json.dump(record, open(os.path.join(shared, "stage.json"), "w"), indent=2)
    # A share that finds everything there would join it: the last class, of a share that is not run, comes back before the merge.
    last = os.path.join(shared, "classes", f"{options.classes - 1:05}.safetensors")
    os.rename(last, last + ".aside")
    # Real shares first, so that the others' records have the program's own form.
    sample = [run([*quantize, "-o", shared, "--shard", f"{share}/{options.shares}"]) for share in (1, 2, 3)]
    folder = os.path.join(shared, "shares")
    form = json.load(open(os.path.join(folder, f"00001-of-{options.shares:05}.done.json")))
    for share in range(4, options.shares + 1):
        form["number"] = share
        json.dump(form, open(os.path.join(folder, f"{share:05}-of-{options.shares:05}.done.json"), "w"), indent=2)
    os.rename(last + ".aside", last)
    files = {name: len(os.listdir(os.path.join(shared, name))) for name in ("classes", "shares")}
    status = [peak([ddoq, "status", shared]) for _ in range(3)]
    merge = peak([ddoq, "merge", shared, "--quiet"])
    same = open(os.path.join(shared, "prototypes.safetensors"), "rb").read() == open(os.path.join(whole, "prototypes.safetensors"), "rb").read()
    print(f"## {options.classes:,} classes in {options.shares:,} shares\n")
    print("| what | wall s | CPU s | peak resident |\n|---|---|---|---|")
    print(f"| `ddoq merge` of all classes | {merge[0]:.1f} | {merge[1]:.1f} | {merge[2]:.0f} MiB |")
    middle = sorted(status)[1]
    print(f"| `ddoq status` (median of 3) | {middle[0]:.1f} | {middle[1]:.1f} | {middle[2]:.0f} MiB |")
    share = sorted((s["wall"], s["cpu"]) for s in sample)[1]
    print(f"| one share that finds its classes done (median of 3) | {share[0]:.1f} | {share[1]:.1f} | |")
    print(f"| one process, all classes, nothing divided | {one['wall']:.1f} | {one['cpu']:.1f} | |")
    print(f"\nFiles: {files['classes']:,} in `classes`, {files['shares']:,} in `shares` (with `plan.json`), {sum(len(f) for _, _, f in os.walk(shared)):,} after the merge. Merged prototypes: {'the bytes of one process' if same else 'OTHER BYTES'}.\n")
    return same


def speedup(options):
    from inject import small_data
    work, ddoq = options.work, os.path.abspath(options.program)
    base = os.path.join(work, "speedup")
    shutil.rmtree(base, ignore_errors=True)
    os.makedirs(base)
    at = lambda *names: os.path.join(base, *names)
    small_data(at("data"), options.per_class)
    arguments = lambda run: {
        "encode": ["--data-dir", at("data"), "--rows-per-shard", "250", "-o", at(run, "latents")],
        "quantize": ["--latents", at("one", "latents"), "--ipc", "50", "--restarts", "16", "-o", at(run, "prototypes")],
        "synthesize": ["--prototypes", at("one", "prototypes"), "--num-inference-steps", "20", "--batch-size", "16", "-o", at(run, "set")],
        "select": ["--data-dir", at("data"), "--latents", at("one", "latents"), "--ipc", "50", "-o", at(run, "coreset")],
        "label": ["--distilled", at(run, "many"), "--class-check", "warn"],
        "train": ["--data-dir", at("data"), "--distilled", at("one", "set"), "--protocol", "small-image", "--updates", "60", "--repeats", "2", "--network-width", "32", "-o", at(run, "students")],
    }
    print("## Two processes beside one\n\n| stage | one process: wall s | CPU s | two shares at once: wall s | CPU s of both | wall, times as fast | CPU, times as much |\n|---|---|---|---|---|---|---|")
    for stage in arguments("one"):
        if stage == "label":
            # Its unit is a part of 4,096 images: a set of two parts, drawn from all of the sample; labels go into the set.
            run([ddoq, "select", "--data-dir", os.path.join(HERE, "..", "..", "samples", "fashion-mnist"), "--objective", "random", "--ipc", "819", "-o", at("one", "many"), "--quiet"])
            shutil.copytree(at("one", "many"), at("two", "many"))
        one = run([ddoq, stage, *arguments("one")[stage], "--workers", "1", "--quiet"])
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
        pair = [subprocess.Popen([ddoq, stage, *arguments("two")[stage], "--workers", "1", "--quiet", "--shard", f"{share}/2"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for share in (1, 2)]
        for process in pair:
            _, error = process.communicate()
            if process.returncode:
                sys.exit(error.decode())
        after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.time() - began
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"| {stage} | {one['wall']:.1f} | {one['cpu']:.1f} | {wall:.1f} | {cpu:.1f} | {one['wall'] / wall:.2f} | {cpu / one['cpu']:.2f} |", flush=True)
    print()
    return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--work", required=True)
    parser.add_argument("--classes", type=int, default=21841)
    parser.add_argument("--shares", type=int, default=1000)
    parser.add_argument("--per-class", type=int, default=200)
    parser.add_argument("--parts", default="cost,speedup")
    options = parser.parse_args()
    os.makedirs(options.work, exist_ok=True)
    return 0 if all([{"cost": cost, "speedup": speedup}[part](options) for part in options.parts.split(",")]) else 1


if __name__ == "__main__":
    sys.exit(main())
