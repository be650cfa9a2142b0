#!/usr/bin/python3
"""A Slurm of its own on this machine: munged, slurmctld and several slurmd, with a configuration made for it; needs root.

    with Slurm(folder, nodes=2, cpus=1) as slurm:
        slurm.run(["sbatch", ...])

Alone it runs the planned whole way on a part of the sample as arrays with dependencies, and compares with one process:

    tests/scale/slurm.py PROGRAM [--per-class 60] [--nodes 2] [--most-shares 3]

Debian's packages slurm-wlm and munge; nothing of them is started or changed outside the folder.
"""
import argparse, json, os, shutil, signal, socket, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "faults"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Slurm:
    def __init__(self, folder, nodes=2, cpus=1):
        self.folder, self.nodes, self.cpus, self.processes = folder, nodes, cpus, []
        self.environment = dict(os.environ, SLURM_CONF=os.path.join(folder, "slurm.conf"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def __enter__(self):
        for name in ("state", "spool", "log", "munge"):
            os.makedirs(self.path(name), exist_ok=True)
        # munged refuses folders that others may write to or that are not its own.
        os.chmod(self.folder, 0o755)
        key = self.path("munge/key")
        with open(key, "wb") as file:
            file.write(os.urandom(1024))
        os.chmod(key, 0o400)
        host, controller = socket.gethostname(), free_port()
        many = self.nodes > 1
        names = [f"n{i + 1}" for i in range(self.nodes)] if many else [host]
        lines = [
            "ClusterName=scale", f"SlurmctldHost={host}(127.0.0.1)", f"SlurmctldPort={controller}", "SlurmUser=root", "SlurmdUser=root",
            "AuthType=auth/munge", f"AuthInfo=socket={self.path('munge/socket')},cred_expire=5", "CryptoType=crypto/munge", "CredType=cred/munge",
            f"StateSaveLocation={self.path('state')}", f"SlurmdSpoolDir={self.path('spool')}/%n", f"SlurmctldPidFile={self.path('slurmctld.pid')}",
            f"SlurmdPidFile={self.path('slurmd')}-%n.pid", f"SlurmctldLogFile={self.path('log/slurmctld.log')}", f"SlurmdLogFile={self.path('log')}/slurmd-%n.log",
            "ProctrackType=proctrack/linuxproc", "TaskPlugin=task/none", "SwitchType=switch/none", "MpiDefault=none", "JobAcctGatherType=jobacct_gather/none",
            "AccountingStorageType=accounting_storage/none", "JobCompType=jobcomp/none", "SelectType=select/cons_tres", "SelectTypeParameters=CR_CPU",
            "SchedulerType=sched/builtin", "SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=100000", "ReturnToService=2", "SlurmdParameters=config_overrides", "KillWait=30",
            "MinJobAge=7200", "MaxArraySize=2001", "SlurmctldTimeout=60", "SlurmdTimeout=60", "JobRequeue=1", "InactiveLimit=0",
        ]
        for name in names:
            address = f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={free_port()}" if many else f"NodeName={name} NodeAddr=127.0.0.1 Port={free_port()}"
            lines.append(f"{address} CPUs={self.cpus} State=UNKNOWN")
        lines.append(f"PartitionName=all Nodes={','.join(names)} Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO")
        with open(self.path("slurm.conf"), "w") as file:
            file.write("\n".join(line for line in lines if line) + "\n")
        self.start(["munged", "--foreground", "--force", f"--key-file={key}", f"--socket={self.path('munge/socket')}", f"--pid-file={self.path('munge/pid')}",
                    f"--log-file={self.path('munge/log')}", f"--seed-file={self.path('munge/seed')}"], "munged")
        self.wait(lambda: os.path.exists(self.path("munge/socket")), "munged")
        self.start(["slurmctld", "-D"], "slurmctld")
        for name in names:
            self.start(["slurmd", "-D", "-N", name] if many else ["slurmd", "-D"], f"slurmd-{name}")
        self.wait(lambda: self.idle() == self.nodes, "nodes")
        self.names = names
        return self

    def start(self, command, name):
        log = open(self.path(f"log/{name}.out"), "wb")
        program = shutil.which(command[0]) or f"/usr/sbin/{command[0]}"
        self.processes.append(subprocess.Popen([program, *command[1:]], env=self.environment, stdout=log, stderr=log))

    def idle(self):
        answer = subprocess.run(["sinfo", "-h", "-N", "-o", "%N %T"], env=self.environment, capture_output=True, text=True)
        return sum("idle" in line for line in answer.stdout.splitlines())

    def wait(self, condition, what, seconds=60):
        end = time.time() + seconds
        while not condition():
            if time.time() > end:
                logs = "".join(f"--- {name}\n" + open(os.path.join(self.path("log"), name), errors="replace").read()[-2000:] for name in sorted(os.listdir(self.path("log"))))
                sys.exit(f"Slurm: no {what} after {seconds} s\n{logs}")
            time.sleep(0.2)

    def run(self, command, **more):
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, **more)

    def jobs(self):
        """Id, array index, name and state of every job that is not forgotten yet."""
        answer = self.run(["squeue", "-h", "-r", "-t", "all", "-o", "%A|%F|%K|%j|%T|%N"])
        return [line.split("|") for line in answer.stdout.splitlines()]

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        for process in reversed(self.processes):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def content(folder):
    """Every result below a folder: no times, no logs, no job files."""
    files = {}
    for at, _, names in os.walk(folder):
        for name in names:
            path = os.path.relpath(os.path.join(at, name), folder)
            if "timing" not in name and not path.startswith("jobs") and "checkpoint" not in path and name != "config.toml":
                files[path] = open(os.path.join(at, name), "rb").read()
    return files


def main():
    from inject import small_data
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--per-class", type=int, default=60)
    parser.add_argument("--share-minutes", default="0.002")
    parser.add_argument("--most-shares", default="3")
    parser.add_argument("--nodes", type=int, default=2)
    options = parser.parse_args()
    program, root = os.path.abspath(options.program), tempfile.mkdtemp(prefix="ddoq-slurm-")
    work = os.path.join(root, "work")
    os.makedirs(work)
    small_data(os.path.join(work, "data"), options.per_class)
    settings = ["--data-dir", "data", "--ipc", "4", "--num-inference-steps", "4", "--batch-size", "8", "--protocol", "small-image", "--updates", "20", "--repeats", "3",
                "--network-width", "16", "--rows-per-shard", "100", "--class-check", "warn"]

    def ddoq(*arguments):
        done = subprocess.run([program, *arguments], cwd=work, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"ddoq {' '.join(arguments)}: exit code {done.returncode}: {done.stderr}")
        return done.stdout

    ddoq("plan", *settings, "-o", "run", "--share-minutes", options.share_minutes, "--most-shares", options.most_shares, "--cpus", "1", "--program", program)
    plan = json.load(open(os.path.join(work, "run/jobs/plan.json")))
    config = os.path.join(work, "run/jobs/config.toml")
    began = time.time()
    for stage, arguments in (("encode", ["-o", "one/latents"]), ("quantize", ["--latents", "one/latents", "-o", "one/prototypes"]),
                             ("synthesize", ["--prototypes", "one/prototypes", "-o", "one/set"]), ("label", ["--distilled", "one/set"]), ("train", ["--distilled", "one/set", "-o", "one/students"])):
        ddoq(stage, "-c", config, *arguments)
    alone = time.time() - began
    with Slurm(os.path.join(root, "slurm"), options.nodes) as slurm:
        version = slurm.run(["sbatch", "--version"]).stdout.strip()
        began = time.time()
        submitted = slurm.run(["bash", os.path.join(work, "run/jobs/slurm/submit.sh")], cwd=work)
        if submitted.returncode:
            sys.exit(f"submit.sh: {submitted.stdout}{submitted.stderr}")
        while any(state in ("PENDING", "RUNNING", "COMPLETING", "CONFIGURING") for *_, state, _ in slurm.jobs()):
            time.sleep(0.5)
        seconds, jobs = time.time() - began, slurm.jobs()
    states = {}
    for *_, state, _ in jobs:
        states[state] = states.get(state, 0) + 1
    one, many = content(os.path.join(work, "one")), content(os.path.join(work, "run"))
    different = sorted(name for name in one.keys() | many.keys() if one.get(name) != many.get(name))
    print(f"{version}, {options.nodes} slurmd of 1 processor on one machine of {os.cpu_count()}; {10 * options.per_class} images, 10 classes\n")
    print("| stage | units | shares | nodes |\n|---|---|---|---|")
    for number, stage in enumerate(plan["stages"]):
        nodes = sorted({node for *_, name, _, node in jobs if name == f"ddoq-{stage['stage']}"})
        print(f"| {stage['stage']} | {stage['units']} | {stage['shares']} | {', '.join(nodes)} |")
    print(f"\n{len(jobs)} jobs: {', '.join(f'{count} {state}' for state, count in sorted(states.items()))}; {seconds:.0f} s, one process after the other {alone:.0f} s")
    print(f"{len(many)} files, {len(different)} different from those of one process{': ' + ', '.join(different[:5]) if different else ''}")
    for name in sorted(os.listdir(os.path.join(work, "run/jobs/slurm/logs"))) if states.keys() != {"COMPLETED"} else []:
        print(f"--- {name}", open(os.path.join(work, "run/jobs/slurm/logs", name)).read()[-800:], file=sys.stderr)
    ok = not different and states.keys() == {"COMPLETED"}
    shutil.rmtree(root)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
