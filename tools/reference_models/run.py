"""One run: settings, data, device and the folder with checkpoints and finished weights, which every stage shares."""

import contextlib
import dataclasses
import json
import os
import platform
from functools import cached_property
from pathlib import Path

import torch

import data
import weights

EXTENDABLE = ("steps",)  # what may differ between a checkpoint and the training that goes on from it


class Run:
    def __init__(self, settings, data_dir, folder, device="cpu", precision="auto", compiles=True, limits=None, save_seconds=60, log_every=50):
        self.settings, self.data_dir, self.folder = settings, data_dir, Path(folder)
        self.device = torch.device(device)
        self.precision = self._precision(precision)
        self.compiles = compiles and self.device.type == "cuda" and hasattr(torch, "compile")
        self.limits, self.save_seconds, self.log_every = limits or {}, save_seconds, log_every
        if self.device.type == "cuda":
            torch.backends.cudnn.benchmark = True
            torch.set_float32_matmul_precision("high")

    def _precision(self, wanted):
        if wanted != "auto":
            return wanted
        if self.device.type == "cuda":
            return "bfloat16"
        processor = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
        return "bfloat16" if "avx512_bf16" in processor or "amx_bf16" in processor else "float32"

    @cached_property
    def data(self):
        """The data set on the run's device."""
        return data.load(self.data_dir, self.settings.images).to(self.device)

    @property
    def machine(self):
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return f"{torch.get_num_threads()} of {os.cpu_count()} threads of {platform.machine()}, no GPU"

    def autocast(self):
        if self.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def compiled(self, function):
        """A faster form of a function where there is one; where compiling fails, the function itself is run.

        Worth its time for attention and norms, which it fuses; convolutions alone gain less than a minute of compiling costs.
        """
        if not self.compiles:
            return function
        import torch._dynamo
        torch._dynamo.config.suppress_errors = True
        return torch.compile(function)

    def untrained(self, build):
        """A network with its first weights, which depend on the seed alone and not on what was built before."""
        torch.manual_seed(self.settings.seed)
        return build().to(self.device)

    def generator(self, step, stream=0):
        """Random numbers that depend on seed, step and stream alone, so that no state has to be kept."""
        return torch.Generator(self.device).manual_seed((self.settings.seed << 40) + (stream << 32) + step)

    def checkpoint_path(self, name):
        return self.folder / "checkpoints" / f"{name}.pt"

    def weights_path(self, name):
        return self.folder / "weights" / f"{name}.safetensors"

    def has_weights(self, name):
        return self.weights_path(name).exists()

    def described(self, name, parents=()):
        """What a network's training depends on: its settings and the networks it was trained with."""
        return json.loads(json.dumps({
            "settings": dataclasses.asdict(getattr(self.settings, name)), "images": dataclasses.asdict(self.settings.images),
            "seed": self.settings.seed, "parents": {parent: weights.sha256(self.weights_path(parent)) for parent in parents},
        }))

    def check(self, path, found, wanted, extendable=()):
        """Refuses what was made with other settings than these."""
        for key in ("images", "seed", "settings", "parents"):
            then, now = found[key], wanted[key]
            if key == "settings":
                then, now = ({k: v for k, v in values.items() if k not in extendable} for values in (then, now))
            if then != now:
                differing = [k for k in now if then.get(k) != now[k]] if isinstance(now, dict) else [key]
                data.fail(f"{path} was made with other settings: {key}, {', '.join(differing) or 'more keys'}",
                          f"delete {path} to make it again, or give another --output")

    def is_trained(self, name, parents=()):
        """Whether a network's weights are there; refuses those of another training."""
        if not self.has_weights(name):
            return False
        record = weights.record(self.weights_path(name))
        if "published" not in record:
            self.check(self.weights_path(name), record, self.described(name, parents))
        return True

    def load_weights(self, name, model):
        """Puts a trained network's weights into a model, made ready for inference on the run's device."""
        model.load_state_dict(weights.load(self.weights_path(name)))
        return model.eval().requires_grad_(False).to(self.device)

    def record(self, name):
        return weights.record(self.weights_path(name))
