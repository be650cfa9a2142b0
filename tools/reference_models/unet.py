"""The text-conditional UNet and its text encoder, in the layout of Stable Diffusion, on the latents of the autoencoder.

The schedule is Stable Diffusion's. A row's prompt is its class's name in one of several templates, or empty for some rows,
which guidance needs.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

import autoencoder
import diffusion
import latents
import text
import training

NAME = "unet"
PARENTS = (autoencoder.NAME,)
FINE, DEEP, HEADS = 64, 160, 5  # channels at the latent's size and at half of it, heads at half
CONDITION = 128  # width of the vector of the timestep
FREQUENCIES = 64
GROUPS = 8


@dataclass(frozen=True)
class Settings(diffusion.Settings):
    """Trained only where its steps are set. The first template is the default prompt."""

    learning_rate: float = 1e-3
    templates: tuple = (
        "a photo of {class}", "a photo of a {class}", "a picture of {class}", "a picture of the {class}", "{class}", "a {class}",
        "an image of a {class}", "a good photo of one {class}")


class GroupNorm(nn.GroupNorm):
    """In single precision, whatever the convolutions around it use."""

    def __init__(self, width):
        super().__init__(GROUPS, width)

    def forward(self, x):
        return super().forward(x.float())


class Residual(nn.Module):
    """Two convolutions; the timestep scales and shifts between them."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.first_norm, self.second_norm = GroupNorm(inputs), GroupNorm(outputs)
        self.first, self.second = nn.Conv2d(inputs, outputs, 3, padding=1), nn.Conv2d(outputs, outputs, 3, padding=1)
        self.modulation = nn.Linear(CONDITION, 2 * outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        for zeroed in (self.second, self.modulation):
            nn.init.zeros_(zeroed.weight)
            nn.init.zeros_(zeroed.bias)

    def forward(self, x, time):
        scale, shift = self.modulation(time).unsqueeze(-1).unsqueeze(-1).chunk(2, 1)
        hidden = self.first(F.silu(self.first_norm(x)))
        hidden = self.second(F.silu(self.second_norm(hidden) * (1 + scale) + shift))
        return self.shortcut(x) + hidden


class Attention(nn.Module):
    def __init__(self, context, tokens):
        super().__init__()
        self.tokens = tokens
        self.query, self.key_value = nn.Linear(DEEP, DEEP), nn.Linear(context, 2 * DEEP)
        self.project_out = nn.Linear(DEEP, DEEP)
        nn.init.zeros_(self.project_out.weight)
        nn.init.zeros_(self.project_out.bias)

    def forward(self, x, context):
        width = DEEP // HEADS
        query = self.query(x).reshape(-1, self.tokens, HEADS, width).transpose(1, 2) * width ** -0.5
        key_value = self.key_value(context).reshape(-1, context.shape[1], 2, HEADS, width).permute(2, 0, 3, 1, 4)
        key, value = key_value[0], key_value[1]
        weights = (query @ key.transpose(-1, -2)).softmax(-1)
        return self.project_out((weights @ value).transpose(1, 2).reshape(-1, self.tokens, DEEP))


class Transformer(nn.Module):
    """Attention among the positions, attention to the prompt, and an MLP, over a map of half the latent's side."""

    def __init__(self, side):
        super().__init__()
        self.side, tokens = side, side ** 2
        self.norms = nn.ModuleList(text.LayerNorm(DEEP) for _ in range(3))
        self.among, self.to_text = Attention(DEEP, tokens), Attention(text.WIDTH, tokens)
        self.expand, self.contract = nn.Linear(DEEP, 4 * DEEP), nn.Linear(4 * DEEP, DEEP)
        self.position_embedding = nn.Parameter(torch.randn(tokens, DEEP) * 0.02)
        nn.init.zeros_(self.contract.weight)
        nn.init.zeros_(self.contract.bias)

    def forward(self, x, states):
        tokens = x.reshape(-1, DEEP, self.side ** 2).transpose(1, 2)
        normed = self.norms[0](tokens) + self.position_embedding
        tokens = tokens + self.among(normed, normed)
        tokens = tokens + self.to_text(self.norms[1](tokens), states)
        hidden = F.relu(self.expand(self.norms[2](tokens)))
        tokens = tokens + self.contract(hidden * hidden)
        return tokens.transpose(1, 2).reshape(-1, DEEP, self.side, self.side)


class UNet(nn.Module):
    """sample [b, c, h, h], timestep int64 [1] or [b], encoder_hidden_states [b, 24, 96] -> out_sample [b, c, h, h]."""

    def __init__(self, channels, size):
        super().__init__()
        self.time_mlp = nn.Sequential(nn.Linear(2 * FREQUENCIES, 2 * CONDITION), nn.SiLU(), nn.Linear(2 * CONDITION, CONDITION))
        self.conv_in = nn.Conv2d(channels, FINE, 3, padding=1)
        self.down_fine = Residual(FINE, FINE)
        self.downsample = nn.Conv2d(FINE, DEEP, 3, stride=2, padding=1)
        self.down_deep, self.down_text = Residual(DEEP, DEEP), Transformer(size // 2)
        self.middle, self.middle_text = Residual(DEEP, DEEP), Transformer(size // 2)
        self.up_deep, self.up_text = Residual(2 * DEEP, DEEP), Transformer(size // 2)
        self.upsample = nn.Conv2d(DEEP, FINE, 3, padding=1)
        self.up_fine = Residual(2 * FINE, FINE)
        self.norm_out, self.conv_out = GroupNorm(FINE), nn.Conv2d(FINE, channels, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)
        frequencies = torch.exp(-math.log(10_000) * torch.arange(FREQUENCIES) / FREQUENCIES)
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.register_buffer("alpha_bars", diffusion.STABLE_DIFFUSION.alpha_bars().view(-1, 1, 1, 1), persistent=False)

    def velocity(self, sample, timestep, states):
        angles = timestep.unsqueeze(1).to(self.frequencies.dtype) * self.frequencies
        time = F.silu(self.time_mlp(torch.cat([angles.cos(), angles.sin()], -1)))
        fine = self.down_fine(self.conv_in(sample), time)
        deep = self.down_text(self.down_deep(self.downsample(fine), time), states)
        x = self.middle_text(self.middle(deep, time), states)
        x = self.up_text(self.up_deep(torch.cat([x, deep], 1), time), states)
        x = self.upsample(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        x = self.up_fine(torch.cat([x, fine], 1), time)
        return self.conv_out(F.silu(self.norm_out(x)))

    def forward(self, sample, timestep, encoder_hidden_states):
        alpha_bar = self.alpha_bars[timestep]
        velocity = self.velocity(sample, timestep, encoder_hidden_states)
        return alpha_bar.sqrt() * velocity + (1 - alpha_bar).sqrt() * sample


class TextToLatent(nn.Module):
    """Text encoder and UNet, trained together."""

    def __init__(self, settings, channels, size, class_names):
        super().__init__()
        self.templates, self.class_names = settings.templates, class_names
        self.tokenizer = text.Tokenizer(settings.templates, class_names)
        self.text_encoder = text.TextEncoder(len(self.tokenizer))
        self.unet = UNet(channels, size)

    def tokens(self, template):
        """[classes + 1, 24]: the classes' prompts and the empty one."""
        prompts = [text.prompt(template, name) for name in self.class_names] + [""]
        return torch.tensor([self.tokenizer.encode(prompt) for prompt in prompts])

    def forward(self, sample, timestep, prompts):
        """For diffusion.sample, whose classes are rows of the default template's prompts; the last is the empty prompt."""
        states = self.text_encoder(self.tokens(self.templates[0]).to(sample.device))
        return self.unet(sample, timestep, states[prompts])


def build(current):
    channels, size, _ = autoencoder.latent_shape(current)
    return TextToLatent(current.settings.unet, channels, size, current.data.class_names)


def load(current):
    return current.load_weights(NAME, build(current))


def train(current):
    settings = current.settings.unet
    if settings.steps == 0 or current.is_trained(NAME, PARENTS):
        return
    model = current.untrained(lambda: build(current))
    tokens = torch.stack([model.tokens(template) for template in settings.templates]).to(current.device)
    loss = diffusion.velocity_loss(current, latents.load(current), diffusion.STABLE_DIFFUSION, settings)
    velocity = current.compiled(model.unet.velocity)

    def compute_loss(step, generator):
        template = torch.randint(0, len(tokens), (1,), generator=generator, device=tokens.device)
        return loss(step, generator, lambda noisy, time, prompts: velocity(noisy, time, model.text_encoder(tokens[template][0])[prompts]))

    training.fit(current, NAME, model, compute_loss, PARENTS)
