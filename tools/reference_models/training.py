"""What the three trainings share: flags, seeding, learning rate, moving average, checkpoints.

All randomness of a step comes from a generator seeded by (seed, step), so a resumed run takes
the same batches, augmentations and noise as one that was never stopped.
"""

import argparse
import json
import os
import time
from pathlib import Path

import torch

import data


def argument_parser(description, steps, batch_size, learning_rate, weight_decay):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--data-dir", default=data.DEFAULT_DATA_DIR, help="folder with the four gzipped IDX files")
    parser.add_argument("--checkpoint-dir", default="checkpoints", help="where checkpoints are kept; an existing one is resumed")
    parser.add_argument("--part", choices=["train", "fit"], default="train", help="'fit' leaves out the last 5,000 training images")
    parser.add_argument("--device", default="cpu", help="cpu or cuda[:i]")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="CPU threads")
    parser.add_argument("--precision", choices=["bfloat16", "float32"], default="bfloat16", help="autocast type")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=steps, help="length of the whole training; may be raised when resuming")
    parser.add_argument("--batch-size", type=int, default=batch_size)
    parser.add_argument("--learning-rate", type=float, default=learning_rate)
    parser.add_argument("--weight-decay", type=float, default=weight_decay)
    parser.add_argument("--warmup", type=int, default=200, help="steps of linear warm-up")
    parser.add_argument("--cooldown", type=float, default=0.3, help="share of the steps, at the end, over which the rate falls to zero")
    parser.add_argument("--ema", type=float, default=0.999, help="decay of the moving average of the weights")
    parser.add_argument("--save-every", type=int, default=250, help="steps between checkpoints")
    parser.add_argument("--log-every", type=int, default=50)
    return parser


def prepare(args):
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    return torch.device(args.device)


def autocast(args):
    return torch.autocast(torch.device(args.device).type, dtype=torch.bfloat16, enabled=args.precision == "bfloat16")


def step_generator(seed, step):
    return torch.Generator().manual_seed((seed << 32) + step)


def batch_indices(count, batch_size, seed, step):
    """The rows of one step: epochs are permutations, the incomplete last batch is dropped."""
    per_epoch = count // batch_size
    epoch, position = divmod(step, per_epoch)
    if batch_indices.cached_key != (count, seed, epoch):
        generator = torch.Generator().manual_seed((seed << 32) + (1 << 31) + epoch)
        batch_indices.cached_key = (count, seed, epoch)
        batch_indices.cached = torch.randperm(count, generator=generator)
    return batch_indices.cached[position * batch_size:(position + 1) * batch_size]


batch_indices.cached_key, batch_indices.cached = None, None


def learning_rate(step, args):
    """Linear warm-up, constant, then linear to zero: the length can be changed before the fall begins."""
    fall = max(1, round(args.steps * args.cooldown))
    return args.learning_rate * min(1.0, (step + 1) / args.warmup, (args.steps - step) / fall)


class MovingAverage:
    """Exponential moving average of parameters and buffers, with a short memory at the start."""

    def __init__(self, model, decay):
        self.decay = decay
        self.values = {name: value.detach().clone().float() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model, step):
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                self.values[name].lerp_(value.detach().float(), 1 - decay)
            else:
                self.values[name].copy_(value)


def adamw(model, args, betas=(0.9, 0.99)):
    """AdamW that decays matrices and convolutions but no bias, norm or embedding."""
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    decayed = [p for name, p in named if p.ndim >= 2 and "embedding" not in name]
    plain = [p for name, p in named if p.ndim < 2 or "embedding" in name]
    groups = [{"params": decayed, "weight_decay": args.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=args.learning_rate, betas=betas)


def checkpoint_path(directory, name):
    return Path(directory) / f"{name}.pt"


def save(args, name, step, seconds, model, average, optimizer):
    path = checkpoint_path(args.checkpoint_dir, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    torch.save({
        "step": step, "seconds": seconds, "arguments": vars(args), "model": model.state_dict(),
        "average": average.values, "optimizer": optimizer.state_dict(),
    }, temporary)
    os.replace(temporary, path)


def resume(args, name, model, average, optimizer):
    """Returns (first step, seconds already spent)."""
    path = checkpoint_path(args.checkpoint_dir, name)
    if not path.exists():
        return 0, 0.0
    state = torch.load(path, map_location=args.device)
    for key in ("seed", "batch_size", "part"):
        if state["arguments"][key] != getattr(args, key):
            raise SystemExit(f"error: {path} was made with --{key.replace('_', '-')} {state['arguments'][key]}\n"
                             f"hint: give the same value, or another --checkpoint-dir")
    model.load_state_dict(state["model"])
    average.values = {key: value.to(args.device) for key, value in state["average"].items()}
    optimizer.load_state_dict(state["optimizer"])
    print(f"resumed {path} at step {state['step']}", flush=True)
    return state["step"], state["seconds"]


def load_average(directory, name, model):
    """Puts the averaged weights of a checkpoint into a model made ready for inference; returns the checkpoint."""
    state = torch.load(checkpoint_path(directory, name), map_location="cpu")
    model.load_state_dict(state["average"])
    model.eval().requires_grad_(False)
    return state


def run(args, name, model, average, optimizer, compute_loss, after_step=None):
    """The training loop. compute_loss(step) returns (loss, dictionary of figures to print)."""
    first, seconds = resume(args, name, model, average, optimizer)
    model.train()
    running, began, last_saved = {}, time.monotonic() - seconds, first
    for step in range(first, args.steps):
        rate = learning_rate(step, args)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss, figures = compute_loss(step)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        if torch.isfinite(norm):
            optimizer.step()
            average.update(model, step)
        else:
            print(f"step {step}: gradient is not finite, skipped", flush=True)
        for key, value in {"loss": loss, "norm": norm, **figures}.items():
            running.setdefault(key, []).append(float(value))
        done = step + 1
        if done % args.log_every == 0 or done == args.steps:
            means = {key: round(sum(values) / len(values), 5) for key, values in running.items()}
            elapsed = time.monotonic() - began
            print(json.dumps({"step": done, "seconds": round(elapsed), "rate": round(rate, 6), **means}), flush=True)
            running.clear()
        if done % args.save_every == 0 or done == args.steps:
            save(args, name, done, time.monotonic() - began, model, average, optimizer)
            last_saved = done
        if after_step is not None:
            after_step(done)
    return last_saved
