#!/usr/bin/python3
"""Checks what cannot be run here: the Kubernetes manifests of a plan and the container files.

    tests/scale/manifests.py PROGRAM [--published FOLDER]

- every manifest of `ddoq plan` has only fields that the API of batch/v1 has, with their types, and the values that it ties together;
- a pod's very command, with the variables that an indexed job sets, does its share; all indices give the result;
- a container file has only instructions that exist, every path that it copies from the repository exists, and with --published (the
  folder that `dotnet publish` of its own line made) its entry point runs.

Needs python3-yaml.
"""
import argparse, json, os, re, shutil, subprocess, sys, tempfile

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.realpath(os.path.join(HERE, "..", ".."))
sys.path.insert(0, os.path.join(HERE, "..", "faults"))

# The part of the API that the manifests use, written from its reference (batch/v1 Job, core/v1 PodSpec): field to type, or to an inner table.
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")
QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|Ki|Mi|Gi|Ti|k|M|G|T)?\Z")
RESOURCES = {"memory": QUANTITY, "cpu": QUANTITY, "nvidia.com/gpu": QUANTITY}
JOB = {
    "apiVersion": {"batch/v1"}, "kind": {"Job"},
    "metadata": {"name": NAME, "labels": {"app": str}},
    "spec": {
        "completionMode": {"Indexed"}, "completions": int, "parallelism": int, "backoffLimitPerIndex": int,
        "podFailurePolicy": {"rules": [{
            "action": {"Ignore", "FailIndex", "FailJob", "Count"},
            "onPodConditions": [{"type": str, "status": {"True", "False", "Unknown"}}],
            "onExitCodes": {"containerName": NAME, "operator": {"In", "NotIn"}, "values": [int]}}]},
        "template": {
            "metadata": {"labels": {"app": str}},
            "spec": {
                "restartPolicy": {"Never"}, "terminationGracePeriodSeconds": int,
                "containers": [{
                    "name": NAME, "image": str, "command": [str], "args": [str], "workingDir": str,
                    "resources": {"requests": RESOURCES, "limits": RESOURCES},
                    "volumeMounts": [{"name": NAME, "mountPath": str}]}],
                "volumes": [{"name": NAME, "persistentVolumeClaim": {"claimName": NAME}, "emptyDir": {}}]}}}}
REQUIRED = ["apiVersion", "kind", "metadata.name", "spec.completions", "spec.template.spec.restartPolicy", "spec.template.spec.containers"]


def faults(value, schema, place=""):
    if isinstance(schema, dict):
        if not isinstance(value, dict):
            return [f"{place}: an object is expected"]
        return [fault for key, inner in value.items() for fault in (faults(inner, schema[key], f"{place}.{key}") if key in schema else [f"{place}: no field '{key}'"])]
    if isinstance(schema, list):
        return [f"{place}: a list is expected"] if not isinstance(value, list) else [fault for i, inner in enumerate(value) for fault in faults(inner, schema[0], f"{place}[{i}]")]
    if isinstance(schema, set):
        return [] if value in schema else [f"{place}: {value!r} is none of {sorted(schema)}"]
    if isinstance(schema, re.Pattern):
        return [] if schema.match(str(value)) else [f"{place}: {value!r} does not match {schema.pattern}"]
    return [] if isinstance(value, schema) and not (schema is int and isinstance(value, bool)) else [f"{place}: {value!r} is no {schema.__name__}"]


def job_faults(job):
    wrong = faults(job, JOB)
    for path in REQUIRED:
        at = job
        for key in path.split("."):
            at = at.get(key) if isinstance(at, dict) else None
        if at is None:
            wrong.append(f"{path} is missing")
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    if spec["completions"] < 1 or not 1 <= spec["parallelism"] <= spec["completions"]:
        wrong.append("completions and parallelism")
    mounts, volumes = {m["name"] for c in pod["containers"] for m in c["volumeMounts"]}, {v["name"] for v in pod["volumes"]}
    if mounts != volumes:
        wrong.append(f"mounts {mounts}, volumes {volumes}")
    for rule in spec["podFailurePolicy"]["rules"]:
        if ("onExitCodes" in rule) == ("onPodConditions" in rule):
            wrong.append("a rule has either exit codes or conditions")
        codes = rule.get("onExitCodes", {})
        if codes and (codes["containerName"] not in [c["name"] for c in pod["containers"]] or (codes["operator"] == "In" and 0 in codes["values"]) or codes["values"] != sorted(codes["values"])):
            wrong.append("exit codes of a rule")
        if rule["action"] == "FailIndex" and "backoffLimitPerIndex" not in spec:
            wrong.append("FailIndex needs backoffLimitPerIndex")
    return wrong


# What the build looks for in the folders above a project, if it is there; without .editorconfig other rules are errors.
FOUND_ABOVE = [".editorconfig", ".globalconfig", "Directory.Build.props", "Directory.Build.targets", "Directory.Packages.props", "global.json", "nuget.config"]


def check_container_file(path, published):
    wrong, text = [], re.sub(r"\\\n", " ", open(path).read())
    stages, entry, copied = set(), None, set()
    for line in (line.strip() for line in text.split("\n")):
        if not line or line.startswith("#"):
            continue
        word, rest = line.split(None, 1)
        if word not in {"FROM", "WORKDIR", "COPY", "RUN", "USER", "ENTRYPOINT"}:
            wrong.append(f"no instruction '{word}'")
        if word == "FROM":
            match = re.match(r"[a-z0-9./_:-]+(?: AS ([a-z]+))?\Z", rest)
            wrong += [] if match else [f"FROM {rest}"]
            stages |= {match.group(1)} if match and match.group(1) else set()
        if word == "COPY":
            words = rest.split()
            if words[0].startswith("--from="):
                wrong += [] if words[0][7:] in stages else [f"no stage {words[0][7:]}"]
            else:
                copied |= set(words[:-1])
                wrong += [f"{source} is not in the repository" for source in words[:-1] if not os.path.exists(os.path.join(ROOT, source))]
        if word == "RUN" and "dotnet publish" in rest:
            wrong += [f"{name} is not copied, and the build needs it" for name in FOUND_ABOVE if os.path.exists(os.path.join(ROOT, name)) and name not in copied]
        if word == "RUN" and subprocess.run(["sh", "-n", "-c", rest]).returncode:
            wrong.append(f"RUN {rest}")
        if word == "ENTRYPOINT":
            entry = json.loads(rest)
    if not entry:
        wrong.append("no entry point")
    elif published:
        program = os.path.join(published, os.path.relpath(entry[0], "/opt/ddoq"))
        done = subprocess.run([program, *entry[1:], "--version"], capture_output=True, text=True)
        wrong += [] if done.returncode == 0 else [f"{program}: {done.stderr}"]
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--published")
    options = parser.parse_args()
    from inject import small_data
    from slurm import content
    program, work, bad = os.path.abspath(options.program), tempfile.mkdtemp(prefix="ddoq-manifests-"), 0

    def told(what, wrong):
        nonlocal bad
        bad += bool(wrong)
        print(f"{what}: {'; '.join(wrong) if wrong else 'right'}")

    for name in ("Containerfile.cpu", "Containerfile.cuda"):
        told(name, check_container_file(os.path.join(ROOT, "containers", name), options.published))
    small_data(os.path.join(work, "data"), 12)
    settings = ["--data-dir", "data", "--ipc", "2", "--num-inference-steps", "2", "--batch-size", "4", "--protocol", "small-image", "--updates", "2", "--repeats", "2", "--network-width", "16", "--class-check", "warn"]
    plan = subprocess.run([program, "plan", *settings, "-o", "run", "--share-minutes", "0.01", "--most-shares", "2", "--cpus", "1", "--gpus", "1", "--program", program], cwd=work, capture_output=True, text=True)
    if plan.returncode:
        sys.exit(plan.stderr)
    folder = os.path.join(work, "run/jobs/kubernetes")
    manifests = sorted(name for name in os.listdir(folder) if name.endswith(".yaml"))
    for name in manifests:
        told(name, job_faults(yaml.safe_load(open(os.path.join(folder, name)))))
    broken = yaml.safe_load(open(os.path.join(folder, manifests[0])))
    broken["spec"]["backoffPerIndex"] = broken["spec"].pop("backoffLimitPerIndex")
    told("a field that does not exist is noticed", [] if job_faults(broken) else ["it is not"])
    for number in sorted({name.split("-")[0] for name in manifests}):
        for name in (n for merge in (False, True) for n in manifests if n.startswith(number + "-") and n.endswith("-merge.yaml") == merge):
            job = yaml.safe_load(open(os.path.join(folder, name)))
            container = job["spec"]["template"]["spec"]["containers"][0]
            arguments = [os.path.join(work, "scratch") if word == "/scratch" else word for word in container["args"]]
            for index in range(job["spec"]["completions"]):
                done = subprocess.run([*container["command"], *arguments], cwd=container["workingDir"], env=dict(os.environ, JOB_COMPLETION_INDEX=str(index)), capture_output=True, text=True)
                if done.returncode:
                    told(f"{name}, index {index}", [f"exit code {done.returncode}: {done.stderr[-500:]}"])
    config, one = os.path.join(work, "run/jobs/config.toml"), os.path.join(work, "one")
    for stage, arguments in (("encode", ["-o", "one/latents"]), ("quantize", ["--latents", "one/latents", "-o", "one/prototypes"]), ("synthesize", ["--prototypes", "one/prototypes", "-o", "one/set"]),
                             ("label", ["--distilled", "one/set"]), ("train", ["--distilled", "one/set", "-o", "one/students"])):
        subprocess.run([program, stage, "-c", config, *arguments], cwd=work, capture_output=True, check=True)
    pods, alone = content(os.path.join(work, "run")), content(one)
    told("the pods' commands, index by index, give the files of one process", sorted(name for name in pods.keys() | alone.keys() if pods.get(name) != alone.get(name))[:5])
    shutil.rmtree(work)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
