"""Writes the text-conditional networks in the layout of Stable Diffusion: text encoder, tokenizer, UNet, schedule.

Autoencoder and teacher are those of the class-conditional model; model_index.json names their folder under "parts", so
they are not written twice.
"""

import torch

import autoencoder
import diffusion
import export
import text
import unet


def networks(current):
    model = unet.load(current).cpu()
    generator = torch.Generator().manual_seed(0)
    tokens = model.tokens(model.templates[0])
    sample = torch.randn(len(tokens), *autoencoder.latent_shape(current), generator=generator)
    with torch.no_grad():
        states = model.text_encoder(tokens)
    return model, {
        "text_encoder": (model.text_encoder, (tokens,), ["input_ids"], "last_hidden_state"),
        "unet": (model.unet, (sample, torch.tensor([501]), states), ["sample", "timestep", "encoder_hidden_states"], "out_sample"),
    }


def write(current, output, shared, evaluation):
    """shared: folder of autoencoder and teacher, relative to the output."""
    model, parts = networks(current)
    for part, (network, inputs, names, name) in parts.items():
        export.write_graph(network, tuple(tensor[:2] for tensor in inputs), names, name, output / part, timestep="steps")
    model.tokenizer.save(output / "tokenizer")
    made, (channels, side, _) = evaluation["generated"][unet.NAME], autoencoder.latent_shape(current)
    export.write_json(output / "model_index.json", {
        "_class_name": "StableDiffusionPipeline",
        "id2label": export.labels(current),
        "scheduler": ["diffusers", "PNDMScheduler"], "tokenizer": ["transformers", "CLIPTokenizer"],
        "text_encoder": export.ONNX_PART, "unet": export.ONNX_PART, "vae_encoder": export.ONNX_PART, "vae_decoder": export.ONNX_PART,
        "parts": {name: f"{shared}/{name}" for name in ("vae_encoder", "vae_decoder", "teacher")},
        "preprocess": export.preprocess(current),
        "defaults": {"guidance_scale": made["guidance_scale"], "num_inference_steps": made["num_inference_steps"], "prompt": model.templates[0]},
    })
    export.write_json(output / "unet/config.json", {
        "_class_name": "UNet2DConditionModel", "sample_size": side, "in_channels": channels, "out_channels": channels,
        "block_out_channels": [unet.FINE, unet.DEEP], "cross_attention_dim": text.WIDTH,
    })
    export.write_json(output / "text_encoder/config.json", {
        "architectures": ["CLIPTextModel"], "hidden_size": text.WIDTH, "num_hidden_layers": text.DEPTH,
        "num_attention_heads": text.HEADS, "max_position_embeddings": text.LENGTH, "vocab_size": len(model.tokenizer),
    })
    schedule = export.scheduler("PNDMScheduler", diffusion.STABLE_DIFFUSION, "scaled_linear")
    export.write_json(output / "scheduler/scheduler_config.json", schedule | {"skip_prk_steps": True})
