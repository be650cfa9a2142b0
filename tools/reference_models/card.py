#!/usr/bin/env python3
"""Writes the model card from evaluation.json, the checkpoints and the exported files."""

import argparse
import json
from pathlib import Path

import autoencoder
import data
import diffusion
import dit
import teacher

MEASURED_ON = "2-core x86-64, AVX-512, no GPU"


def parameters(model):
    return f"{sum(p.numel() for p in model.parameters()):,}"


def file_table(output):
    paths = sorted(path for path in output.rglob("*") if path.is_file() and path.name != "README.md")
    rows = [f"| `{path.relative_to(output)}` | {path.stat().st_size:,} | `{data.sha256(path)}` |" for path in paths]
    return "\n".join(rows), sum(path.stat().st_size for path in paths)


def training_table(figures):
    names = {"autoencoder": "autoencoder", "decoder": "decoder, sharpened", "teacher": "teacher", "dit": "diffusion transformer"}
    rows = []
    for key, name in names.items():
        if key not in figures:
            continue
        run, arguments = figures[key], figures[key]["arguments"]
        planned = "" if run["steps"] == arguments["steps"] else f" of {arguments['steps']:,} planned"
        rows.append(f"| {name} | {run['steps']:,}{planned} | {arguments['batch_size']} | {arguments['learning_rate']} | "
                    f"{arguments['ema']} | {arguments['seed']} | {run['seconds'] / 60:.0f} min |")
    return "\n".join(rows)


def sharpening(figures):
    if "decoder" not in figures:
        return ""
    arguments = figures["decoder"]["arguments"]
    return (f"Its decoder was then\ntrained alone, on the latents as they were, with the teacher's features (weight {arguments['feature_weight']}) and "
            f"a patch discriminator (weight\n{arguments['adversarial_weight']}) added to the pixel errors. ")


def card(result, output, machine, notes):
    test, made, moments = result["test"], result["generated"], result["latents"]
    files, total = file_table(output)
    per_class = "\n".join(f"| {index} | {name} | {100 * share:.1f} % |" for index, (name, share)
                          in enumerate(zip(data.CLASS_NAMES, made["agreement_per_class"])))
    run = result["training"]["dit"]
    seen = run["steps"] * run["arguments"]["batch_size"] / 60_000
    remarks = "".join(f"{note}\n\n" for note in notes)
    rounded = {key: ", ".join(f"{value:.2f}" for value in moments[key])
               for key in ("mean", "std", "skewness", "kurtosis", "posterior_std")}
    return f"""# Reference models for Fashion-MNIST

Small networks for trying and testing the whole pipeline on real data without a GPU: an autoencoder, a class-conditional
diffusion transformer and a teacher. They are meant to be quick, not to set records.

## Data
[Fashion-MNIST](https://github.com/zalandoresearch/fashion-mnist), Zalando SE, MIT licence: 60,000 training and 10,000 test
images, 28 x 28, grey, 10 classes. Images are padded with black by 2 pixels on each side to 32 x 32 and the grey value is
repeated in three channels. All three models were trained on the 60,000 training images; the test images served only for
the figures below. The weights, like the project, are under Apache-2.0.

## Parts
| part | network | parameters | inputs | output |
|---|---|---|---|---|
| `vae_encoder` | convolutions and ReLU, no normalisation, downsampling by {autoencoder.DOWNSAMPLE} | {parameters(autoencoder.Encoder())} | `sample` [b,3,32,32] in [-1,1] | `latent_parameters` [b,8,8,8]: 4 means, 4 log-variances, unscaled |
| `vae_decoder` | convolutions and ReLU, upsampling by pixel shuffle | {parameters(autoencoder.Decoder())} | `latent_sample` [b,4,8,8], divided by the scaling factor | `sample` [b,3,32,32], to be clamped to [-1,1] |
| `transformer` | DiT: {dit.DEPTH} blocks of width {dit.WIDTH}, {dit.HEADS} heads, patch {dit.PATCH} ({dit.GRID ** 2} tokens), adaLN-zero, squared ReLU | {parameters(dit.DiT())} | `hidden_states` [b,4,8,8], `timestep` int64 [b], `class_labels` int64 [b] (0 to 9, {dit.NULL_CLASS} = no class) | `noise_pred` [b,4,8,8] (epsilon) |
| `teacher` | residual convolutional network, batch norm folded | {parameters(teacher.Teacher())} | `pixel_values` [b,3,32,32], mean {teacher.IMAGE_MEAN}, deviation {teacher.IMAGE_STD} | `logits` [b,10] |

ONNX opset 16, fp32 weights, dynamic batch. The encoder and the teacher average the three colour channels first; the decoder
repeats its one channel: colour is not modelled. The transformer's body estimates the velocity and converts it to epsilon
inside the graph. Scaling factor {result['scaling_factor']:.6f} = 1 / deviation of the sampled latents of the training set.

Scaled latent means, per channel: mean {rounded['mean']}; deviation {rounded['std']}; skewness {rounded['skewness']};
kurtosis {rounded['kurtosis']} (Gaussian: 3); deviation of the posterior {rounded['posterior_std']}.

## Training
| network | steps | batch | learning rate | weight average | seed | time |
|---|---|---|---|---|---|---|
{training_table(result['training'])}

Machine: {machine}; wall-clock, with much other work on the same two cores.
AdamW, bfloat16 autocast, linear warm-up, constant rate, linear fall to zero; the exported weights are the moving averages. Autoencoder: absolute, squared and
edge error with KL weight {result['training']['autoencoder']['arguments']['kl_weight']}. {sharpening(result['training'])}Transformer: velocity loss with min-SNR weights, linear schedule {diffusion.DIT.beta_start} to
{diffusion.DIT.beta_end} over {diffusion.TRAIN_STEPS} steps, {100 * result['training']['dit']['arguments']['class_dropout']:.0f} % of the rows without class, mirrored images included.
Scripts: `tools/reference_models/`, all of it by `train_all.sh`.

## Measured quality
On the {test['images']:,} test images:
- autoencoder (posterior mean): PSNR {test['psnr']:.2f} dB averaged over images, {test['psnr_of_mean_error']:.2f} dB from the mean squared error; mean absolute error {test['mean_absolute_error']:.4f} of the range [0,1];
- teacher: {100 * test['teacher_accuracy']:.2f} % correct, {100 * test['teacher_accuracy_on_reconstructions']:.2f} % on the autoencoder's reconstructions.

On {made['images']:,} generated images (DDIM from pure noise, {made['num_inference_steps']} steps, guidance {made['guidance_scale']}, seed {made['seed']}):
- the teacher gives {100 * made['agreement']:.1f} % of them the class they were made for (mean probability {made['confidence']:.3f});
- Fréchet distance to the test images in the teacher's feature space: {made['frechet']:.2f} (not an FID; comparable only with itself).

| class | name | agreement |
|---|---|---|
{per_class}

Guidance was chosen by the agreement and by the Fréchet distance to training images, on generated images alone; no test image
was used for it. More guidance raises the agreement and lowers the variety.

{remarks}## Limits
The teacher that judges the generated images was trained on the same data as the generator, so agreement says that classes
are told apart, not that images are varied or indistinguishable from real ones. Fine textures and prints are not kept by the
autoencoder. The transformer has seen each training image {seen:.1f} times on average; it is not trained to the end. Nothing but padded grey pictures of clothing should be expected to work.

## Files
{total / 1e6:.1f} MB together.

| file | bytes | SHA-256 |
|---|---|---|
{files}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--checkpoint-dir", default="checkpoints", help="holds evaluation.json, written by evaluate.py")
    parser.add_argument("--output", type=Path, default=Path("models/fashion-mnist"), help="the exported models; README.md goes there")
    parser.add_argument("--machine", default=MEASURED_ON, help="where the training ran")
    parser.add_argument("--note", nargs="*", default=[], help="paragraphs to add below the measured quality")
    args = parser.parse_args()
    result = json.loads((Path(args.checkpoint_dir) / "evaluation.json").read_text())
    (args.output / "README.md").write_text(card(result, args.output, args.machine, args.note), encoding="utf-8")
    print(f"wrote {args.output / 'README.md'}")


if __name__ == "__main__":
    main()
