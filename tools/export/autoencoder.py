"""Encoder and decoder of a diffusers AutoencoderKL as the two networks of a model folder."""

import torch

import checks


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
