"""Sharpens the decoder; encoder and latents stay as they are, so diffusion networks fit before and after.

The autoencoder's own losses make the decoder answer what it cannot know with the average, which is blurred. Here it is
trained on, against a discriminator of image patches and the teacher's features, as the decoders of latent diffusion
models are. The scale of both terms is small beside the pixel error, so that shape and shade stay where they were.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

import autoencoder
import teacher
import training

NAME = "decoder"
PARENTS = (autoencoder.NAME, teacher.NAME)


@dataclass(frozen=True)
class Settings(training.Schedule):
    steps: int = 3000  # 0: the decoder is left as it is
    learning_rate: float = 4e-4
    weight_decay: float = 1e-4
    warmup: int = 100
    average: float = 0.998
    feature_weight: float = 0.1  # of the squared error of the teacher's features
    adversarial_weight: float = 0.03  # of the discriminator's verdict
    discriminator_width: int = 48


class Discriminator(nn.Module):
    """[b, c, H, W] -> [b, 1, H / 4, W / 4]: one verdict per patch of 22 x 22 pixels."""

    def __init__(self, channels, width):
        super().__init__()
        self.layers = nn.Sequential(
            spectral_norm(nn.Conv2d(channels, width, 4, stride=2, padding=1)), nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)), nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(2 * width, 2 * width, 3, padding=1)), nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(2 * width, 1, 1)))

    def forward(self, image):
        return self.layers(image)


class Pair(nn.Module):
    """Both networks under one optimiser and one checkpoint."""

    def __init__(self, decoder, discriminator):
        super().__init__()
        self.decoder, self.discriminator = decoder, discriminator


def load(current):
    """The sharpened decoder where there is one, else the autoencoder's."""
    network = autoencoder.load(current).decoder
    if current.has_weights(NAME):
        current.load_weights(NAME, network)
    return network


def train(current):
    settings = current.settings.decoder
    if settings.steps == 0 or current.is_trained(NAME, PARENTS):
        return
    vae, judge, channels = autoencoder.load(current), teacher.load(current), current.data.channels
    discriminator = current.untrained(lambda: Discriminator(channels, settings.discriminator_width))
    model = Pair(vae.decoder.train().requires_grad_(True), discriminator).to(memory_format=torch.channels_last)
    examples, edge_weight = autoencoder.Examples(current, settings.batch_size), current.settings.autoencoder.edge_weight

    def compute_loss(step, generator):
        target, noise = examples.draw(step, generator)
        with current.autocast():
            with torch.no_grad():
                mean, log_variance = vae.encoder(target).float().chunk(2, 1)
                wanted = judge.tap(target)
            output = model.decoder(autoencoder.sample(mean, log_variance, noise))[:, :channels].float()
            # Values beyond the range are clamped when images are written: the critics see them so.
            seen = output + (output.clamp(-1, 1) - output).detach()
            feature = sum(F.mse_loss(a.float(), b.float()) / b.float().square().mean() for a, b in zip(judge.tap(seen), wanted))
            model.discriminator.requires_grad_(False)
            verdict = model.discriminator(seen).float()
            model.discriminator.requires_grad_(True)
            real, fake = model.discriminator(target).float(), model.discriminator(seen.detach()).float()
        error, figures = autoencoder.pixel_error(output, target, edge_weight)
        critic = F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        loss = error + settings.feature_weight * feature - settings.adversarial_weight * verdict.mean() + critic
        return loss, {**figures, "feature": feature, "verdict": verdict.mean(), "critic": critic}

    def only_decoder(values):
        return {name.removeprefix("decoder."): value for name, value in values.items() if name.startswith("decoder.")}

    training.fit(current, NAME, model, compute_loss, PARENTS, betas=(0.5, 0.99), finish=only_decoder)
