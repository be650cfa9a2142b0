"""Writes the card of the text-conditional networks."""

import autoencoder
import card
import diffusion
import text
import unet
import weights


def body(current, output, evaluation):
    settings, schedule, model = current.settings.unet, diffusion.STABLE_DIFFUSION, unet.build(current)
    channels, side, _ = autoencoder.latent_shape(current)
    files, total = card.file_table(output)
    templates = ", ".join(f"`{template}`" for template in settings.templates)
    return f"""# A text-conditional reference model for {current.settings.name}

A small UNet with text encoder and tokenizer in the layout of Stable Diffusion. It was trained on the same latents as the
class-conditional model beside it and takes autoencoder and teacher from there (`parts` in `model_index.json`), so both
folders must lie side by side.

## Parts
| part | network | parameters | inputs | output |
|---|---|---|---|---|
| `tokenizer` | CLIP's byte-pair scheme, {len(model.tokenizer)} tokens, {text.LENGTH} per prompt | - | | |
| `text_encoder` | causal transformer: {text.DEPTH} layers of width {text.WIDTH} | {card.parameters(model.text_encoder)} | `input_ids` int64 [b,{text.LENGTH}] | `last_hidden_state` [b,{text.LENGTH},{text.WIDTH}] |
| `unet` | residual convolutions of {unet.FINE} channels at {side} x {side} and {unet.DEEP} at {side // 2} x {side // 2}, three transformer blocks with attention to the prompt | {card.parameters(model.unet)} | `sample` [b,{channels},{side},{side}], `timestep` int64 [1], `encoder_hidden_states` [b,{text.LENGTH},{text.WIDTH}] | `out_sample` [b,{channels},{side},{side}] (epsilon) |

ONNX opset 16; weights of {weights.SMALLEST_HALF:,} values and more are stored in float16 and widened when loaded, the arithmetic is float32.
The UNet's body estimates the velocity and converts it to epsilon inside the graph.

Prompts: {templates}, with the class's name for `{{class}}`. Other words are read letter by letter and mean little to it.

## Training
{card.training_table(current, (unet.NAME,))}

AdamW, linear warm-up, constant rate, linear fall to zero, moving average. Velocity loss with min-SNR weights; Stable
Diffusion's schedule (scaled linear, {schedule.beta_start} to {schedule.beta_end}); {100 * settings.dropout:.0f} % of the rows with the empty prompt. Text encoder and UNet were
trained together on the training images and their mirror images. Scripts: `tools/reference_models/train.py`.

## Measured quality
{card.generated_figures(current, evaluation['generated'][unet.NAME])}

## Limits
The teacher that judges the images was trained on the same data, so agreement says that classes are told apart, not that
images are varied or indistinguishable from real ones.

## Files
{total / 1e6:.1f} MB together, without the shared parts.

| file | bytes | SHA-256 |
|---|---|---|
{files}
"""


def write(current, output, evaluation):
    words = body(current, output, evaluation)
    weights.replace_file(output / "README.md", lambda stream: stream.write(words.encode("utf-8")))
