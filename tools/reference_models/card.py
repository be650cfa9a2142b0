"""Writes the model card: what was trained on what, and the figures measured on the exported weights."""

import autoencoder
import decoder
import diffusion
import dit
import teacher
import weights

TITLES = {autoencoder.NAME: "autoencoder", decoder.NAME: "decoder, sharpened", teacher.NAME: "teacher",
          dit.NAME: "diffusion transformer", "unet": "text encoder and UNet"}


def parameters(model):
    return f"{sum(p.numel() for p in model.parameters()):,}"


def file_table(output):
    paths = sorted(path for path in output.rglob("*") if path.is_file() and path.name != "README.md")
    rows = [f"| `{path.relative_to(output)}` | {path.stat().st_size:,} | `{weights.sha256(path)}` |" for path in paths]
    return "\n".join(rows), sum(path.stat().st_size for path in paths)


def training_table(current, names):
    rows = ["| network | steps | batch | epochs | learning rate | weight average | time | machine |", "|---|---|---|---|---|---|---|---|"]
    for name in names:
        if not current.has_weights(name):
            continue
        record = current.record(name)
        if "published" in record:
            rows.append(f"| {TITLES[name]} | taken from {record['published']} | | | | | | |")
            continue
        used = record["settings"]
        limit = f" (limit {record['seconds_limit']} s)" if record["seconds_limit"] else ""
        rows.append(f"| {TITLES[name]} | {record['steps']:,} | {used['batch_size']} | {record['epochs']:,} | {used['learning_rate']} | "
                    f"{used['average']} | {record['seconds']:,} s{limit} | {record['machine']}, {record['precision']}, torch {record['torch']} |")
    return "\n".join(rows)


def generated_figures(current, made):
    tried = "\n".join(f"| {entry['guidance_scale']} | {100 * entry['agreement']:.1f} % | {entry['confidence']:.3f} | {entry['frechet']:.2f} |" for entry in made["tried"])
    per_class = "\n".join(f"| {index} | {name} | {100 * share:.1f} % |" for index, (name, share)
                          in enumerate(zip(current.data.class_names, made["agreement_per_class"])))
    return f"""On {made['images']:,} generated images (DDIM from pure noise, {made['num_inference_steps']} steps, guidance {made['guidance_scale']}, seed {made['seed']}):
- the teacher gives {100 * made['agreement']:.1f} % of them the class they were made for (mean probability {made['confidence']:.3f});
- Fréchet distance to the test images in the teacher's feature space: {made['frechet']:.2f} (not an FID; comparable only with itself).

| class | name | agreement |
|---|---|---|
{per_class}

The guidance scale was chosen by agreement and Fréchet distance to training images; no test image was used for it. More
guidance raises the agreement and lowers the variety.

| guidance | agreement | mean probability | distance to training images |
|---|---|---|---|
{tried}"""


def image_words(current):
    images = current.settings.images
    colour = "the grey value is repeated in three channels" if current.data.channels == 1 else "in colour"
    fitted = {"pad": f"padded with {images.pad_value} to", "crop": "resized and cropped to", "stretch": "stretched to"}[images.fit]
    return f"{fitted} {images.size} x {images.size} where they have another size, {colour}"


def latent_words(evaluation):
    moments = {key: ", ".join(f"{value:.2f}" for value in values) for key, values in evaluation["latents"].items()}
    return (f"Scaled latent means, per channel: mean {moments['mean']}; deviation {moments['std']}; skewness {moments['skewness']};\n"
            f"kurtosis {moments['kurtosis']} (Gaussian: 3); deviation of the posterior {moments['posterior_std']}.")


def parts_table(current):
    size, (channels, side, _) = current.settings.images.size, autoencoder.latent_shape(current)
    vae, transformer, classes = autoencoder.load(current), dit.load(current), len(current.data.class_names)
    sizes, judge = current.settings.transformer, teacher.load(current)
    mean, deviation = (", ".join(f"{value:.4f}" for value in values.flatten().tolist()) for values in (judge.mean, judge.deviation))
    return f"""| part | network | parameters | inputs | output |
|---|---|---|---|---|
| `vae_encoder` | convolutions and ReLU, no normalisation, downsampling by {current.settings.autoencoder.downsample} | {parameters(vae.encoder)} | `sample` [b,3,{size},{size}] in [-1,1] | `latent_parameters` [b,{2 * channels},{side},{side}]: {channels} means, {channels} log-variances, unscaled |
| `vae_decoder` | convolutions and ReLU, upsampling by pixel shuffle | {parameters(vae.decoder)} | `latent_sample` [b,{channels},{side},{side}], divided by the scaling factor | `sample` [b,3,{size},{size}], to be clamped to [-1,1] |
| `transformer` | DiT: {sizes.depth} blocks of width {sizes.width}, {sizes.heads} heads, patch {sizes.patch} ({transformer.grid ** 2} tokens), adaLN-zero, squared ReLU | {parameters(transformer)} | `hidden_states` [b,{channels},{side},{side}], `timestep` int64 [b], `class_labels` int64 [b] (0 to {classes - 1}, {classes} = no class) | `noise_pred` [b,{channels},{side},{side}] (epsilon) |
| `teacher` | residual convolutional network, batch norm folded | {parameters(judge)} | `pixel_values` [b,3,{size},{size}], mean {mean}, deviation {deviation} | `logits` [b,{classes}] |"""


def body(current, output, evaluation):
    test, images, trained = evaluation["test"], current.settings.images, current.settings
    files, total = file_table(output)
    grey = "The encoder and the teacher average the three colour channels first; the decoder repeats its\none channel. " if current.data.channels == 1 else ""
    sharpened = (f" The decoder was then trained alone,\non the latents as they were, with the teacher's features (weight {trained.decoder.feature_weight}) and a patch discriminator (weight\n"
                 f"{trained.decoder.adversarial_weight}) added to the pixel errors." if current.has_weights(decoder.NAME) else "")
    mirrored = "mirrored images included" if images.mirror else "no mirrored images"
    moved = f"mirrored and moved by up to {trained.teacher.shift} pixels" if images.mirror else f"moved by up to {trained.teacher.shift} pixels"
    blanked = f", a square of {trained.teacher.cutout} pixels blanked" if trained.teacher.cutout else ""
    source = f"{trained.source} " if trained.source else ""
    return f"""# Reference models for {trained.name}

Small networks for the whole pipeline: an autoencoder, a class-conditional diffusion transformer and a teacher. They are
meant to be quick, not to set records.

## Data
{source}{len(current.data.images):,} training and {len(current.data.test_images):,} test images of
{len(current.data.class_names)} classes, {image_words(current)}. All networks were trained on the training images; the test images
({current.data.test_source}) served only for the figures below.

## Parts
{parts_table(current)}

ONNX opset 16, dynamic batch; weights of {weights.SMALLEST_HALF:,} values and more are stored in float16 and widened when loaded, the arithmetic is
float32. {grey}The transformer's body estimates the velocity and converts it to epsilon inside the graph. Scaling factor
{evaluation['scaling_factor']:.6f} = 1 / deviation of the sampled latents of the training set.

{latent_words(evaluation)}

## Training
{training_table(current, (autoencoder.NAME, teacher.NAME, decoder.NAME, dit.NAME))}

Wall-clock times. AdamW, linear warm-up, constant rate, linear fall to zero; the exported weights are the moving averages; seed {trained.seed}.
Autoencoder: absolute, squared and edge error with KL weight {trained.autoencoder.kl_weight}.{sharpened}
Teacher: label smoothing {trained.teacher.label_smoothing}, images {moved}{blanked}.
Transformer: velocity loss with min-SNR weights, linear schedule {diffusion.DIT.beta_start} to {diffusion.DIT.beta_end} over {diffusion.TRAIN_STEPS} steps,
{100 * trained.transformer.dropout:.0f} % of the rows without class, {mirrored}. Scripts: `tools/reference_models/train.py`.

## Measured quality
Measured on: {evaluation['machine']}. On the {test['images']:,} test images:
- autoencoder (posterior mean): PSNR {test['psnr']:.2f} dB averaged over images, {test['psnr_of_mean_error']:.2f} dB from the mean squared error; mean absolute
  error {test['mean_absolute_error']:.4f} of the range [0,1];
- teacher: {100 * test['teacher_accuracy']:.2f} % correct, {100 * test['teacher_accuracy_on_reconstructions']:.2f} % on the autoencoder's reconstructions.

{generated_figures(current, evaluation['generated'][dit.NAME])}

## Limits
The teacher that judges the generated images was trained on the same data as the generator, so agreement says that classes
are told apart, not that images are varied or indistinguishable from real ones. Fine textures are not kept by the
autoencoder. Nothing but images like those of the training set should be expected to work.

## Files
{total / 1e6:.1f} MB together.

| file | bytes | SHA-256 |
|---|---|---|
{files}
"""


def write(current, output, evaluation):
    text = body(current, output, evaluation)
    weights.replace_file(output / "README.md", lambda stream: stream.write(text.encode("utf-8")))
