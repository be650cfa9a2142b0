#!/usr/bin/env python3
"""Trains autoencoder, teacher and diffusion transformer for a labelled image data set and exports them for `ddoq --model`.

    python3 train.py --config cifar10.toml --data DIR --output DIR

DIR holds a folder or a tar archive per class (train/ and test/), or the four IDX files of MNIST and its kin. OUTPUT gets
checkpoints/, weights/, evaluation.json, the model folder model/ with its card, and model-unet/ where the settings ask for
the text-conditional network too. Killed at any point, the same command goes on: with one thread on a CPU to the very bytes.

Where `onnx` is not installed, the model folder is left out; copy weights/ and evaluation.json to a machine that has it and
give the same command there.
"""

import argparse
import os
import time

import torch

import autoencoder
import card
import card_unet
import data
import decoder
import dit
import evaluate
import export
import export_unet
import published
import run
import settings
import teacher
import unet

NETWORKS = {network.NAME: network for network in (autoencoder, teacher, decoder, dit, unet)}


def seconds_per_network(values):
    limits = {}
    for value in values:
        name, _, seconds = value.partition("=")
        if name not in NETWORKS or not seconds.isdigit() or int(seconds) == 0:
            data.fail(f"--seconds got {value!r}", f"write NAME=SECONDS; names are {', '.join(NETWORKS)}")
        limits[name] = int(seconds)
    return limits


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", required=True, help="TOML file with sizes, steps, seed and batch sizes, such as cifar10.toml beside this script")
    parser.add_argument("--data", required=True, help="folder of the data set")
    parser.add_argument("--output", required=True, help="folder for everything that is made; an earlier run in it goes on")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cpu or cuda[:i]")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="CPU threads")
    parser.add_argument("--precision", choices=["auto", "bfloat16", "float32"], default="auto",
                        help="auto: bfloat16 where the hardware has it")
    parser.add_argument("--only", nargs="+", choices=list(NETWORKS), help="train these networks alone and export nothing")
    parser.add_argument("--seconds", nargs="+", default=[], metavar="NAME=SECONDS", help="time for a network; its rate then falls with the time left")
    parser.add_argument("--save-seconds", type=float, default=60, help="time between checkpoints")
    parser.add_argument("--log-every", type=int, default=50, help="steps between lines of figures")
    parser.add_argument("--no-compile", action="store_true", help="do without torch.compile on a GPU")
    parser.add_argument("--no-export", action="store_true", help="train and measure only; the same command without it writes the model folder")
    parser.add_argument("--published", metavar="MODEL", help="take autoencoder and teacher from an exported model folder instead of training them")
    return parser.parse_args()


def main():
    args = parse_arguments()
    began = time.monotonic()
    torch.set_num_threads(args.threads)
    current = run.Run(settings.load(args.config), args.data, args.output, args.device, args.precision, not args.no_compile,
                      seconds_per_network(args.seconds), args.save_seconds, args.log_every)
    print(f"{current.settings.name}: {len(current.data.images):,} training and {len(current.data.test_images):,} test images of "
          f"{len(current.data.class_names)} classes, {current.data.channels} channels, on {current.machine} in {current.precision}, "
          f"read in {time.monotonic() - began:.0f} s", flush=True)
    if args.published:
        published.take(current, args.published)
    for name in args.only or NETWORKS:
        NETWORKS[name].train(current)
    if args.only:
        return
    evaluation = evaluate.load(current)
    if args.no_export:
        return
    if not export.can_export():
        print(f"no model folder: the Python package onnx is not installed here; the weights are in {current.folder / 'weights'}", flush=True)
        return
    model = current.folder / "model"
    export.write(current, model, evaluation)
    card.write(current, model, evaluation)
    if current.has_weights(unet.NAME):
        text_model = current.folder / "model-unet"
        export_unet.write(current, text_model, "../model", evaluation)
        card_unet.write(current, text_model, evaluation)
    print(f"done after {time.monotonic() - began:.0f} s: {model}", flush=True)


if __name__ == "__main__":
    main()
