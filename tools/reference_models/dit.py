#!/usr/bin/env python3
"""Trains the class-conditional diffusion transformer (DiT) on the latents of the autoencoder.

The network's body estimates the velocity v = sqrt(a) eps - sqrt(1 - a) x0, from which the output
eps = sqrt(a) v + sqrt(1 - a) x follows: at high noise eps is then right from the start, where a
small error of a direct estimate would be magnified 150-fold in x0. Outside it is an epsilon model.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

import autoencoder
import data
import diffusion
import latents
import training

WIDTH, DEPTH, HEADS = 192, 8, 6
PATCH = 2
CONDITION = 64  # width of the vector that steers the adaptive layer norms
FREQUENCIES = 64
NULL_CLASS = data.CLASS_COUNT
CHANNELS, SIZE = autoencoder.LATENT_CHANNELS, autoencoder.LATENT_SIZE
GRID = SIZE // PATCH
PATCH_VALUES = CHANNELS * PATCH * PATCH


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.project_in = nn.Linear(WIDTH, 3 * WIDTH)
        self.project_out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        head_width = WIDTH // HEADS
        qkv = self.project_in(x).reshape(-1, GRID * GRID, 3, HEADS, head_width).permute(2, 0, 3, 1, 4)
        query, key, value = qkv[0] * head_width ** -0.5, qkv[1], qkv[2]
        weights = (query @ key.transpose(-1, -2)).softmax(-1)
        return self.project_out((weights @ value).transpose(1, 2).reshape(-1, GRID * GRID, WIDTH))


class Block(nn.Module):
    """Attention and a squared-ReLU MLP, each scaled, shifted and gated by the condition (adaLN-zero)."""

    def __init__(self):
        super().__init__()
        self.attention_norm = nn.LayerNorm(WIDTH, eps=1e-6, elementwise_affine=False)
        self.attention = Attention()
        self.mlp_norm = nn.LayerNorm(WIDTH, eps=1e-6, elementwise_affine=False)
        self.expand = nn.Linear(WIDTH, 4 * WIDTH)
        self.contract = nn.Linear(4 * WIDTH, WIDTH)
        self.modulation = nn.Linear(CONDITION, 6 * WIDTH)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, x, condition):
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = self.modulation(condition).reshape(-1, 6, 1, WIDTH).unbind(1)
        x = x + gate_a * self.attention(self.attention_norm(x) * (1 + scale_a) + shift_a)
        hidden = F.relu(self.expand(self.mlp_norm(x) * (1 + scale_m) + shift_m))
        return x + gate_m * self.contract(hidden * hidden)


class DiT(nn.Module):
    """hidden_states [b, 4, 8, 8], timestep int64 [b], class_labels int64 [b] -> noise_pred [b, 4, 8, 8]."""

    def __init__(self):
        super().__init__()
        self.patches_in = nn.Linear(PATCH_VALUES, WIDTH)
        self.position_embedding = nn.Parameter(torch.randn(GRID * GRID, WIDTH) * 0.02)
        self.time_mlp = nn.Sequential(nn.Linear(2 * FREQUENCIES, 2 * CONDITION), nn.SiLU(), nn.Linear(2 * CONDITION, CONDITION))
        self.class_embedding = nn.Embedding(data.CLASS_COUNT + 1, CONDITION)
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.final_norm = nn.LayerNorm(WIDTH, eps=1e-6, elementwise_affine=False)
        self.final_modulation = nn.Linear(CONDITION, 2 * WIDTH)
        self.patches_out = nn.Linear(WIDTH, PATCH_VALUES)
        for zeroed in (self.final_modulation, self.patches_out):
            nn.init.zeros_(zeroed.weight)
            nn.init.zeros_(zeroed.bias)
        nn.init.normal_(self.class_embedding.weight, std=0.5)
        frequencies = torch.exp(-math.log(10_000) * torch.arange(FREQUENCIES) / FREQUENCIES)
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.register_buffer("alpha_bars", diffusion.DIT.alpha_bars().view(-1, 1, 1, 1), persistent=False)

    def velocity(self, hidden_states, timestep, class_labels):
        x = hidden_states.reshape(-1, CHANNELS, GRID, PATCH, GRID, PATCH).permute(0, 2, 4, 1, 3, 5)
        x = self.patches_in(x.reshape(-1, GRID * GRID, PATCH_VALUES)) + self.position_embedding
        angles = timestep.unsqueeze(1).to(self.frequencies.dtype) * self.frequencies
        time = self.time_mlp(torch.cat([angles.cos(), angles.sin()], -1))
        condition = F.silu(time + self.class_embedding(class_labels))
        for block in self.blocks:
            x = block(x, condition)
        shift, scale = self.final_modulation(condition).reshape(-1, 2, 1, WIDTH).unbind(1)
        x = self.patches_out(self.final_norm(x) * (1 + scale) + shift)
        x = x.reshape(-1, GRID, GRID, CHANNELS, PATCH, PATCH).permute(0, 3, 1, 4, 2, 5)
        return x.reshape(-1, CHANNELS, SIZE, SIZE)

    def forward(self, hidden_states, timestep, class_labels):
        alpha_bar = self.alpha_bars[timestep]
        velocity = self.velocity(hidden_states, timestep, class_labels)
        return alpha_bar.sqrt() * velocity + (1 - alpha_bar).sqrt() * hidden_states


def main():
    parser = training.argument_parser(__doc__, steps=7000, batch_size=128, learning_rate=8e-4, weight_decay=0.01)
    parser.add_argument("--class-dropout", type=float, default=0.1, help="share of rows trained with the null class")
    parser.add_argument("--snr-limit", type=float, default=5.0, help="gamma of the min-SNR weighting")
    parser.set_defaults(ema=0.998)
    args = parser.parse_args()
    device = training.prepare(args)
    store = latents.load(args.checkpoint_dir, args.data_dir, args.part)
    mean, deviation = (store[key].mul(store["scaling_factor"]).to(device) for key in ("mean", "deviation"))
    labels = data.load(args.data_dir, args.part)[1].to(device)
    model = DiT().to(device)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, scaling factor {store['scaling_factor']:.5f}", flush=True)
    average = training.MovingAverage(model, args.ema)
    optimizer = training.adamw(model, args)
    alpha_bars = diffusion.DIT.alpha_bars().to(device)

    def compute_loss(step):
        generator = training.step_generator(args.seed, step)
        rows = training.batch_indices(len(labels), args.batch_size, args.seed, step).to(device)
        mirrored = torch.randint(0, 2, (len(rows),), generator=generator).to(device)
        posterior_noise, noise = torch.randn(2, len(rows), CHANNELS, SIZE, SIZE, generator=generator).to(device)
        clean = mean[mirrored, rows] + deviation[mirrored, rows] * posterior_noise
        # stratified times: the batch covers the whole range evenly
        offset = (torch.arange(len(rows)) + torch.rand(len(rows), generator=generator)) / len(rows)
        time = (offset * diffusion.TRAIN_STEPS).long().to(device)
        dropped = (torch.rand(len(rows), generator=generator) < args.class_dropout).to(device)
        classes = torch.where(dropped, torch.full_like(labels[rows], NULL_CLASS), labels[rows])
        a = alpha_bars[time].view(-1, 1, 1, 1)
        noisy = a.sqrt() * clean + (1 - a).sqrt() * noise
        target = a.sqrt() * noise - (1 - a).sqrt() * clean
        with training.autocast(args):
            velocity = model.velocity(noisy, time, classes).float()
        error = (velocity - target).square().mean((1, 2, 3))
        ratio = alpha_bars[time] / (1 - alpha_bars[time])
        weight = ratio.clamp(max=args.snr_limit) / (ratio + 1)
        return (weight * error).mean(), {"error": error.detach().mean()}

    training.run(args, "dit", model, average, optimizer, compute_loss)


if __name__ == "__main__":
    main()
