"""The class-conditional diffusion transformer (DiT) on the latents of the autoencoder."""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

import autoencoder
import diffusion
import latents
import training

NAME = "transformer"
PARENTS = (autoencoder.NAME,)
FREQUENCIES = 64


@dataclass(frozen=True)
class Settings(diffusion.Settings):
    steps: int = 7000
    batch_size: int = 128
    width: int = 192
    depth: int = 8
    heads: int = 6
    patch: int = 2
    condition: int = 64  # width of the vector that steers the adaptive layer norms


class Attention(nn.Module):
    def __init__(self, width, heads, tokens):
        super().__init__()
        self.heads, self.width, self.tokens = heads, width, tokens
        self.project_in = nn.Linear(width, 3 * width)
        self.project_out = nn.Linear(width, width)

    def forward(self, x):
        head_width = self.width // self.heads
        qkv = self.project_in(x).reshape(-1, self.tokens, 3, self.heads, head_width).permute(2, 0, 3, 1, 4)
        query, key, value = qkv[0] * head_width ** -0.5, qkv[1], qkv[2]
        weights = (query @ key.transpose(-1, -2)).softmax(-1)
        return self.project_out((weights @ value).transpose(1, 2).reshape(-1, self.tokens, self.width))


class Block(nn.Module):
    """Attention and a squared-ReLU MLP, each scaled, shifted and gated by the condition (adaLN-zero)."""

    def __init__(self, width, heads, tokens, condition):
        super().__init__()
        self.width = width
        self.attention_norm = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.attention = Attention(width, heads, tokens)
        self.mlp_norm = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.expand = nn.Linear(width, 4 * width)
        self.contract = nn.Linear(4 * width, width)
        self.modulation = nn.Linear(condition, 6 * width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, x, condition):
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = self.modulation(condition).reshape(-1, 6, 1, self.width).unbind(1)
        x = x + gate_a * self.attention(self.attention_norm(x) * (1 + scale_a) + shift_a)
        hidden = F.relu(self.expand(self.mlp_norm(x) * (1 + scale_m) + shift_m))
        return x + gate_m * self.contract(hidden * hidden)


class DiT(nn.Module):
    """hidden_states [b, c, h, h], timestep int64 [b], class_labels int64 [b] (the last is no class) -> noise_pred [b, c, h, h]."""

    def __init__(self, settings, channels, size, classes):
        super().__init__()
        self.channels, self.size, self.patch, self.width = channels, size, settings.patch, settings.width
        self.grid = size // settings.patch
        tokens, values = self.grid ** 2, channels * settings.patch ** 2
        self.patches_in = nn.Linear(values, settings.width)
        self.position_embedding = nn.Parameter(torch.randn(tokens, settings.width) * 0.02)
        self.time_mlp = nn.Sequential(nn.Linear(2 * FREQUENCIES, 2 * settings.condition), nn.SiLU(), nn.Linear(2 * settings.condition, settings.condition))
        self.class_embedding = nn.Embedding(classes + 1, settings.condition)
        self.blocks = nn.ModuleList(Block(settings.width, settings.heads, tokens, settings.condition) for _ in range(settings.depth))
        self.final_norm = nn.LayerNorm(settings.width, eps=1e-6, elementwise_affine=False)
        self.final_modulation = nn.Linear(settings.condition, 2 * settings.width)
        self.patches_out = nn.Linear(settings.width, values)
        for zeroed in (self.final_modulation, self.patches_out):
            nn.init.zeros_(zeroed.weight)
            nn.init.zeros_(zeroed.bias)
        nn.init.normal_(self.class_embedding.weight, std=0.5)
        frequencies = torch.exp(-math.log(10_000) * torch.arange(FREQUENCIES) / FREQUENCIES)
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.register_buffer("alpha_bars", diffusion.DIT.alpha_bars().view(-1, 1, 1, 1), persistent=False)

    def velocity(self, hidden_states, timestep, class_labels):
        grid, patch = self.grid, self.patch
        x = hidden_states.reshape(-1, self.channels, grid, patch, grid, patch).permute(0, 2, 4, 1, 3, 5)
        x = self.patches_in(x.reshape(-1, grid * grid, self.channels * patch * patch)) + self.position_embedding
        angles = timestep.unsqueeze(1).to(self.frequencies.dtype) * self.frequencies
        time = self.time_mlp(torch.cat([angles.cos(), angles.sin()], -1))
        condition = F.silu(time + self.class_embedding(class_labels))
        for block in self.blocks:
            x = block(x, condition)
        shift, scale = self.final_modulation(condition).reshape(-1, 2, 1, self.width).unbind(1)
        x = self.patches_out(self.final_norm(x) * (1 + scale) + shift)
        x = x.reshape(-1, grid, grid, self.channels, patch, patch).permute(0, 3, 1, 4, 2, 5)
        return x.reshape(-1, self.channels, self.size, self.size)

    def forward(self, hidden_states, timestep, class_labels):
        alpha_bar = self.alpha_bars[timestep]
        velocity = self.velocity(hidden_states, timestep, class_labels)
        return alpha_bar.sqrt() * velocity + (1 - alpha_bar).sqrt() * hidden_states


def build(current):
    channels, size, _ = autoencoder.latent_shape(current)
    return DiT(current.settings.transformer, channels, size, len(current.data.class_names))


def load(current):
    return current.load_weights(NAME, build(current))


def train(current):
    if current.is_trained(NAME, PARENTS):
        return
    model = current.untrained(lambda: build(current))
    loss = diffusion.velocity_loss(current, latents.load(current), diffusion.DIT, current.settings.transformer)
    velocity = current.compiled(model.velocity)
    training.fit(current, NAME, model, lambda step, generator: loss(step, generator, velocity), PARENTS)
