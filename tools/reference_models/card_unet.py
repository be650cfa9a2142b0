#!/usr/bin/env python3
"""Writes the card of the text-conditional reference model from evaluation.json and the exported files."""

import argparse
import json
from pathlib import Path

import card
import data
import diffusion
import text
import unet


def body(result, output, machine, notes):
    made, run = result["generated"], result["training"]["unet"]
    arguments, schedule = run["arguments"], diffusion.STABLE_DIFFUSION
    model = unet.TextToLatent()
    files, total = card.file_table(output)
    per_class = "\n".join(f"| {index} | {name} | {100 * share:.1f} % |" for index, (name, share)
                          in enumerate(zip(data.CLASS_NAMES, made["agreement_per_class"])))
    templates = ", ".join(f"`{template}`" for template in text.TEMPLATES)
    remarks = "".join(f"{note}\n\n" for note in notes)
    return f"""# A text-conditional reference model for Fashion-MNIST

A small UNet with text encoder and tokenizer in the layout of Stable Diffusion, for trying and testing that way of the
pipeline on real data without a GPU: `ddoq distill --model models/{output.name}`. It was trained on the same latents as the
class-conditional model beside it and takes autoencoder and teacher from there (`parts` in `model_index.json`), so both
folders must lie side by side.

## Data
[Fashion-MNIST](https://github.com/zalandoresearch/fashion-mnist), Zalando SE, MIT licence: the 60,000 training images and
their mirror images, as latents of the autoencoder. No test image was used but for the figures below. The weights, like the
project, are under Apache-2.0.

## Parts
| part | network | parameters | inputs | output |
|---|---|---|---|---|
| `tokenizer` | CLIP's byte-pair scheme, {len(model.tokenizer)} tokens, {text.LENGTH} per prompt | - | | |
| `text_encoder` | causal transformer: {text.DEPTH} layers of width {text.WIDTH} | {card.parameters(model.text_encoder)} | `input_ids` int64 [b,{text.LENGTH}] | `last_hidden_state` [b,{text.LENGTH},{text.WIDTH}] |
| `unet` | residual convolutions of {unet.FINE} channels at 8 x 8 and {unet.DEEP} at 4 x 4, three transformer blocks with attention to the prompt | {card.parameters(model.unet)} | `sample` [b,4,8,8], `timestep` int64 [1], `encoder_hidden_states` [b,{text.LENGTH},{text.WIDTH}] | `out_sample` [b,4,8,8] (epsilon) |

ONNX opset 16; weights of {1024:,} values and more are stored in float16 and widened when loaded, the arithmetic is float32.
The UNet's body estimates the velocity and converts it to epsilon inside the graph.

Prompts: {templates}, with the class's name for `{{class}}`. Other words are read letter by letter and mean little to it.

## Training
{run['steps']:,} steps of {arguments['batch_size']} rows, {run['seconds'] / 60:.0f} min on one thread ({machine}; wall-clock, with much other work on the same cores); AdamW at
{arguments['learning_rate']}, bfloat16 autocast, linear warm-up, constant rate, linear fall to zero, moving average of decay {arguments['ema']}, seed {arguments['seed']}.
Velocity loss with min-SNR weights; Stable Diffusion's schedule (scaled linear, {schedule.beta_start} to {schedule.beta_end}); {100 * arguments['prompt_dropout']:.0f} % of the rows with
the empty prompt. Text encoder and UNet were trained together. Scripts: `tools/reference_models/unet.py`, `export_unet.py`, `evaluate.py --model unet`.

## Measured quality
On {made['images']:,} generated images (DDIM from pure noise, {made['num_inference_steps']} steps, guidance {made['guidance_scale']}, seed {made['seed']}, prompt `{text.DEFAULT_TEMPLATE}`):
- the teacher gives {100 * made['agreement']:.1f} % of them the class they were made for (mean probability {made['confidence']:.3f});
- Fréchet distance to the test images in the teacher's feature space: {made['frechet']:.2f} (not an FID; comparable with the figure of the
  model beside it when made from as many images).

| class | name | agreement |
|---|---|---|
{per_class}

{remarks}## Limits
The teacher that judges the images was trained on the same data, so agreement says that classes are told apart, not that
images are varied or indistinguishable from real ones. The model has seen each training image {run['steps'] * arguments['batch_size'] / 60_000:.1f} times on average; it is not
trained to the end. It knows ten kinds of clothing and nothing else.

## Files
{total / 1e6:.1f} MB together, without the shared parts.

| file | bytes | SHA-256 |
|---|---|---|
{files}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--checkpoint-dir", default="checkpoints", help="holds evaluation.json, written by evaluate.py --model unet")
    parser.add_argument("--output", type=Path, default=Path("models/fashion-mnist-unet"), help="the exported model; README.md goes there")
    parser.add_argument("--machine", default=card.MEASURED_ON, help="where the training ran")
    parser.add_argument("--note", nargs="*", default=[], help="paragraphs to add below the measured quality")
    args = parser.parse_args()
    result = json.loads((Path(args.checkpoint_dir) / "evaluation.json").read_text())
    (args.output / "README.md").write_text(body(result, args.output, args.machine, args.note), encoding="utf-8")
    print(f"wrote {args.output / 'README.md'}")


if __name__ == "__main__":
    main()
