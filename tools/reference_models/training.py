"""What all trainings share: the schedule of a network, its batches, moving average, checkpoints and the loop.

All randomness of a step comes from a generator seeded by seed and step, so a resumed training takes the same batches,
augmentations and noise as one that was never stopped, and a checkpoint needs no more of it than the number of the step.
"""

import json
import time
from dataclasses import dataclass

import torch

import data
import run
import weights

ORDER_STREAM = 1


@dataclass(frozen=True)
class Schedule:
    """Length and rate of a training. The rate rises over `warmup` steps and falls to zero over the last share, `cooldown`."""

    steps: int = 0
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup: int = 200
    cooldown: float = 0.3
    average: float = 0.999  # decay of the moving average of the weights

    def rate(self, step, progress):
        return self.learning_rate * min(1.0, (step + 1) / max(1, self.warmup), (1 - progress) / self.cooldown)


class Batches:
    """The rows of each step: epochs are permutations, an incomplete last batch is dropped."""

    def __init__(self, run, count, size):
        self.run, self.count, self.size, self.epoch = run, count, min(size, count), None

    def rows(self, step):
        epoch, position = divmod(step, self.count // self.size)
        if epoch != self.epoch:
            generator = self.run.generator(epoch, ORDER_STREAM)
            self.epoch, self.order = epoch, torch.randperm(self.count, generator=generator, device=self.run.device)
        return self.order[position * self.size:(position + 1) * self.size]


class MovingAverage:
    """Exponential moving average of parameters and buffers, with a short memory at the start."""

    def __init__(self, model, decay):
        self.decay, self.state = decay, model.state_dict()
        self.live = [value for value in self.state.values() if value.is_floating_point()]
        self.shadow = [value.detach().clone() for value in self.live]

    @torch.no_grad()
    def update(self, step):
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_mul_(self.shadow, decay)
        torch._foreach_add_(self.shadow, self.live, alpha=1 - decay)

    def values(self):
        shadow = iter(self.shadow)
        return {name: next(shadow) if value.is_floating_point() else value for name, value in self.state.items()}

    @torch.no_grad()
    def load(self, values):
        for target, value in zip(self.values().values(), values.values()):
            target.copy_(value)


def adamw(run, model, schedule, betas):
    """AdamW that decays matrices and convolutions but no bias, norm or embedding."""
    named = list(model.named_parameters())
    decayed = [p for name, p in named if p.ndim >= 2 and "embedding" not in name]
    plain = [p for name, p in named if p.ndim < 2 or "embedding" in name]
    groups = [{"params": decayed, "weight_decay": schedule.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    options = {"fused": True} if run.device.type == "cuda" else {}
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=schedule.learning_rate, betas=betas, **options)


def fit(current, name, model, compute_loss, parents=(), betas=(0.9, 0.99), finish=None):
    """Trains one network from its last checkpoint, or from the start, and writes its weights.

    compute_loss(step, generator) gives the loss and a dictionary of figures to print. finish(averages) turns the averaged
    tensors into those that are kept. A limit in seconds, where the run has one for this network, takes the place of the
    steps: the rate falls with the time that is left.
    """
    schedule, described = getattr(current.settings, name), current.described(name, parents)
    average = MovingAverage(model, schedule.average)
    optimizer = adamw(current, model, schedule, betas)
    step, spent = _resume(current, name, described, model, average, optimizer)
    limit = current.limits.get(name)
    print(json.dumps({"network": name, "parameters": sum(p.numel() for p in model.parameters()), "from_step": step,
                      "steps": schedule.steps, "seconds_limit": limit}), flush=True)
    model.train()
    began = saved = time.monotonic()
    totals, counted = {}, 0
    while True:
        seconds = spent + time.monotonic() - began
        progress = max(step / schedule.steps, seconds / limit if limit else 0.0)
        if progress >= 1:
            break
        rate = schedule.rate(step, progress)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss, figures = compute_loss(step, current.generator(step))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average.update(step)
        step += 1
        for key, value in {"loss": loss, "norm": norm, **figures}.items():
            totals[key] = totals.get(key, 0) + value.detach()
        counted += 1
        if step % current.log_every == 0 or step == schedule.steps:
            _report(name, step, spent + time.monotonic() - began, rate, {key: float(total) / counted for key, total in totals.items()})
            totals, counted = {}, 0
        if time.monotonic() - saved >= current.save_seconds:
            saved = time.monotonic()
            _save(current, name, step, spent + saved - began, described, model, average, optimizer)
    seconds = spent + time.monotonic() - began
    _save(current, name, step, seconds, described, model, average, optimizer)
    tensors = finish(average.values()) if finish else average.values()
    images = len(current.data.images)
    record = described | {"network": name, "steps": step, "seconds": round(seconds), "seconds_limit": limit, "machine": current.machine,
                          "precision": current.precision, "torch": str(torch.__version__), "epochs": round(step * min(schedule.batch_size, images) / images, 1)}
    weights.save(current.weights_path(name), tensors, record)


def _report(name, step, seconds, rate, means):
    print(json.dumps({"network": name, "step": step, "seconds": round(seconds), "rate": round(rate, 7)}
                     | {key: round(value, 5) for key, value in means.items()}), flush=True)
    if means["loss"] != means["loss"]:
        data.fail(f"the loss of {name} is not a number at step {step}", "lower its learning_rate; the last checkpoint is kept")


def _save(current, name, step, seconds, described, model, average, optimizer):
    state = {"step": step, "seconds": seconds, "described": described, "model": model.state_dict(),
             "average": average.values(), "optimizer": optimizer.state_dict()}
    weights.replace_file(current.checkpoint_path(name), lambda stream: torch.save(state, stream))


def _resume(current, name, described, model, average, optimizer):
    """The first step and the seconds already spent."""
    path = current.checkpoint_path(name)
    if not path.exists():
        return 0, 0.0
    state = torch.load(path, map_location=current.device)
    current.check(path, state["described"], described, run.EXTENDABLE)
    model.load_state_dict(state["model"])
    average.load(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    return state["step"], state["seconds"]
