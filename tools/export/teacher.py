#!/usr/bin/env python3
"""Exports a classifier as a teacher folder: model.onnx, config.json, preprocessor_config.json.

    teacher.py --model resnet18 --weights IMAGENET1K_V1 --synsets LOC_synset_mapping.txt --output models/teacher-resnet18
    teacher.py --model resnet18 --checkpoint my.pth --classes classes.txt --output teacher
    teacher.py --module my_network.py:build --checkpoint my.pth --classes classes.txt --image-size 32 --mean 0.5 0.5 0.5 --std 0.25 0.25 0.25 --output teacher

--module takes any torch.nn.Module from [b, 3, H, W], normalised, to [b, C]. Needs torch and onnx, and torchvision for --model. Where
onnxruntime is installed the export is compared with its source; a difference above the tolerance is an error.
"""

import argparse
from pathlib import Path

import torch

import checks
import module

TOLERANCE = 1e-4  # of the largest logit
IMAGE_MEAN, IMAGE_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def build(name, classes, weights=None, checkpoint=None, seed=0):
    """A network of torchvision: published weights, those of a checkpoint, or random ones."""
    import torchvision

    torch.manual_seed(seed)
    if weights:
        return torchvision.models.get_model(name, weights=weights).eval()
    model = torchvision.models.get_model(name, weights=None, num_classes=classes)
    if checkpoint:
        module.load_weights(model, checkpoint)
    return model.eval()


def class_names(args):
    if args.synsets:
        return checks.read_synsets(args.synsets)[0]
    if args.classes:
        return [line for line in Path(args.classes).read_text(encoding="utf-8").splitlines() if line.strip()]
    if args.weights and not args.module:
        import torchvision

        return list(torchvision.models.get_model_weights(args.model)[args.weights].meta["categories"])
    raise checks.ExportError("the classes have no names", "give --synsets or --classes, one line per class in the order of the labels")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="resnet18", help="name of a torchvision classifier")
    parser.add_argument("--module", help="FILE.py:FUNCTION that returns a torch.nn.Module, instead of --model")
    parser.add_argument("--weights", help="published weights, for example IMAGENET1K_V1")
    parser.add_argument("--checkpoint", help="state dictionary of a network of one's own; without it and --weights: random weights")
    parser.add_argument("--synsets", help="ImageNet's list 'n01440764 tench, ...': classes then have the names of its folders")
    parser.add_argument("--classes", help="file with one class name per line")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--mean", type=float, nargs=3, default=IMAGE_MEAN, help="what is subtracted from channels in [0, 1]")
    parser.add_argument("--std", type=float, nargs=3, default=IMAGE_STD, help="what they are then divided by")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--check-vectors", help="folder for inputs and outputs, to check with another runtime")
    args = parser.parse_args()
    names = class_names(args)
    model = module.load(args.module, args.checkpoint) if args.module else build(args.model, len(names), args.weights, args.checkpoint)
    image = torch.randn(2, 3, args.image_size, args.image_size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        outputs = model(image).shape[1]
    if outputs != len(names):
        raise checks.ExportError(f"{args.module or args.model} gives {outputs} logits, there are {len(names)} class names", "give one name per logit")
    path = checks.export(model, (image,), ["pixel_values"], "logits", args.output, {name: {0: "batch"} for name in ("pixel_values", "logits")})
    checks.verify(model, (image,), ["pixel_values"], path, TOLERANCE, args.check_vectors)
    checks.write_json(args.output / "config.json", {
        "architectures": [args.module or args.model], "image_size": args.image_size, "num_channels": 3, "num_labels": len(names),
        "id2label": {str(index): name for index, name in enumerate(names)},
    })
    checks.write_json(args.output / "preprocessor_config.json", {
        "do_resize": True, "size": {"height": args.image_size, "width": args.image_size}, "do_rescale": True, "rescale_factor": 1 / 255,
        "do_normalize": True, "resample": 2, "image_mean": args.mean, "image_std": args.std,
    })


if __name__ == "__main__":
    main()
