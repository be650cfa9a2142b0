#!/usr/bin/env python3
"""Exports an autoencoder as the two networks of a model folder, of diffusers or of one's own.

    autoencoder.py --model stabilityai/sd-vae-ft-mse --image-size 256 --output models/vae
    autoencoder.py --module my_autoencoder.py:build --checkpoint my.pth --image-size 64 --scaling-factor 0.7 --output models/vae

A module of one's own has encode(images [b, 3, H, W] in [-1, 1]), which gives means [b, c, h, w] or a pair of means and
log-variances, and decode(latents [b, c, h, w]), which gives images. Channels and downsampling are found by running it. The
scaling factor should bring the latents to unit variance. Needs torch and onnx, and diffusers for --model.
"""

import argparse
from pathlib import Path

import torch

import checks
import module

TOLERANCE = 1e-3  # of the largest output


class Encoder(torch.nn.Module):
    """sample [b, 3, H, W] in [-1, 1] -> latent_parameters [b, 8, h, w]: means, then log-variances, unscaled."""

    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, sample):
        return self.vae.encode(sample, return_dict=False)[0].parameters


class Decoder(torch.nn.Module):
    """latent_sample [b, 4, h, w], divided by the scaling factor -> sample [b, 3, H, W]."""

    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, latent_sample):
        return self.vae.decode(latent_sample, return_dict=False)[0]


def export(vae, output, latent_size, tolerance, vectors=None):
    """Writes vae_encoder/ and vae_decoder/ and verifies both."""
    factor = 2 ** (len(vae.config.block_out_channels) - 1)
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, latent_size * factor, latent_size * factor, generator=generator) * 2 - 1
    latent = torch.randn(2, vae.config.latent_channels, latent_size, latent_size, generator=generator)
    for part, module, tensor, name, result in [("vae_encoder", Encoder(vae), image, "sample", "latent_parameters"),
                                               ("vae_decoder", Decoder(vae), latent, "latent_sample", "sample")]:
        axes = {key: {0: "batch"} for key in (name, result)}
        path = checks.export(module.eval(), (tensor,), [name], result, output / part, axes)
        checks.verify(module, (tensor,), [name], path, tolerance, vectors)
        checks.write_json(output / part / "config.json", {
            "_class_name": "AutoencoderKL", "in_channels": 3, "out_channels": 3, "latent_channels": vae.config.latent_channels,
            "sample_size": latent_size * factor, "block_out_channels": list(vae.config.block_out_channels),
            "scaling_factor": vae.config.scaling_factor,
        })


class PlainEncoder(torch.nn.Module):
    """encode() of one's own -> latent_parameters [b, 2c, h, w]; log-variances at the least that readers take where it gives none."""

    LEAST_LOG_VARIANCE = -30.0

    def __init__(self, autoencoder):
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, sample):
        found = self.autoencoder.encode(sample)
        mean, log_variance = found if isinstance(found, (tuple, list)) else (found, torch.full_like(found, self.LEAST_LOG_VARIANCE))
        return torch.cat([mean, log_variance], dim=1)


class PlainDecoder(torch.nn.Module):
    """decode() of one's own."""

    def __init__(self, autoencoder):
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, latent_sample):
        return self.autoencoder.decode(latent_sample)


def export_plain(autoencoder, output, image_size, scaling_factor, tolerance=TOLERANCE, vectors=None):
    """Writes vae_encoder/, vae_decoder/ and model_index.json of any module with encode and decode."""
    for name in ("encode", "decode"):
        if not hasattr(autoencoder, name):
            raise checks.ExportError(f"{type(autoencoder).__name__} has no method '{name}'", "give a module with encode(images) and decode(latents)")
    encoder, decoder = PlainEncoder(autoencoder).eval(), PlainDecoder(autoencoder).eval()
    image = torch.rand(2, 3, image_size, image_size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        parameters = encoder(image)
        latent = parameters[:, :parameters.shape[1] // 2].contiguous()
        back = decoder(latent)
    side = latent.shape[-1]
    if latent.dim() != 4 or latent.shape[-2] != side or image_size % side != 0:
        raise checks.ExportError(f"images of {image_size} pixels give latents of shape {list(latent.shape)}", "latents must be square maps whose side divides the image's")
    if back.shape != image.shape:
        raise checks.ExportError(f"decode gives {list(back.shape)} for latents of {list(image.shape)}", "decode must give images of the size that encode took")
    for part, network, tensor, name, result in [("vae_encoder", encoder, image, "sample", "latent_parameters"),
                                                ("vae_decoder", decoder, latent, "latent_sample", "sample")]:
        path = checks.export(network, (tensor,), [name], result, output / part, {key: {0: "batch"} for key in (name, result)})
        checks.verify(network, (tensor,), [name], path, tolerance, vectors)
        checks.write_json(output / part / "config.json", {
            "in_channels": 3, "out_channels": 3, "latent_channels": latent.shape[1], "sample_size": image_size,
            "downsample_factor": image_size // side, "scaling_factor": scaling_factor,
        })
    checks.write_json(output / "model_index.json", {"preprocess": {"image_size": image_size, "fit": "crop"}})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--model", help="name or folder of a diffusers AutoencoderKL")
    source.add_argument("--module", help="FILE.py:FUNCTION that returns a torch.nn.Module with encode and decode")
    parser.add_argument("--checkpoint", help="state dictionary for --module")
    parser.add_argument("--image-size", type=int, required=True, help="side of the square images in pixels")
    parser.add_argument("--scaling-factor", type=float, help="what latents are multiplied by; needed for --module")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--check-vectors", help="folder for inputs and outputs, to check with another runtime")
    args = parser.parse_args()
    if args.module:
        if args.scaling_factor is None:
            raise checks.ExportError("no --scaling-factor", "give 1 over the standard deviation of the latents of some images")
        export_plain(module.load(args.module, args.checkpoint), args.output, args.image_size, args.scaling_factor, vectors=args.check_vectors)
        return
    try:
        from diffusers import AutoencoderKL
    except ImportError:
        raise checks.ExportError("the package diffusers is not installed", "pip install diffusers, or give a module of your own with --module")
    vae = AutoencoderKL.from_pretrained(args.model, torch_dtype=torch.float32)
    export(vae, args.output, args.image_size // 2 ** (len(vae.config.block_out_channels) - 1), TOLERANCE, args.check_vectors)
    checks.write_json(args.output / "model_index.json", {"preprocess": {"image_size": args.image_size, "fit": "crop"}})


if __name__ == "__main__":
    main()
