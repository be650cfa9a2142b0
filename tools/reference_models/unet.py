#!/usr/bin/env python3
"""Trains the text-conditional UNet and its text encoder, in the layout of Stable Diffusion, on the latents of the autoencoder.

As in the transformer, the body estimates the velocity and the output is the noise; the schedule is Stable Diffusion's.
A row's prompt is its class's name in one of several templates, or empty for some rows, which guidance needs.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

import autoencoder
import data
import diffusion
import latents
import text
import training

FINE, DEEP, HEADS = 64, 160, 5  # channels at 8 x 8 and at 4 x 4, heads at 4 x 4
CONDITION = 128  # width of the vector of the timestep
FREQUENCIES = 64
GROUPS = 8
CHANNELS, SIZE = autoencoder.LATENT_CHANNELS, autoencoder.LATENT_SIZE
TOKENS = (SIZE // 2) ** 2  # positions at 4 x 4


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
    def __init__(self, context):
        super().__init__()
        self.query, self.key_value = nn.Linear(DEEP, DEEP), nn.Linear(context, 2 * DEEP)
        self.project_out = nn.Linear(DEEP, DEEP)
        nn.init.zeros_(self.project_out.weight)
        nn.init.zeros_(self.project_out.bias)

    def forward(self, x, context):
        width = DEEP // HEADS
        query = self.query(x).reshape(-1, TOKENS, HEADS, width).transpose(1, 2) * width ** -0.5
        key_value = self.key_value(context).reshape(-1, context.shape[1], 2, HEADS, width).permute(2, 0, 3, 1, 4)
        key, value = key_value[0], key_value[1]
        weights = (query @ key.transpose(-1, -2)).softmax(-1)
        return self.project_out((weights @ value).transpose(1, 2).reshape(-1, TOKENS, DEEP))


class Transformer(nn.Module):
    """Attention among the positions, attention to the prompt, and an MLP, over a 4 x 4 map."""

    def __init__(self):
        super().__init__()
        self.norms = nn.ModuleList(text.LayerNorm(DEEP) for _ in range(3))
        self.among, self.to_text = Attention(DEEP), Attention(text.WIDTH)
        self.expand, self.contract = nn.Linear(DEEP, 4 * DEEP), nn.Linear(4 * DEEP, DEEP)
        self.position_embedding = nn.Parameter(torch.randn(TOKENS, DEEP) * 0.02)
        nn.init.zeros_(self.contract.weight)
        nn.init.zeros_(self.contract.bias)

    def forward(self, x, states):
        tokens = x.reshape(-1, DEEP, TOKENS).transpose(1, 2)
        normed = self.norms[0](tokens) + self.position_embedding
        tokens = tokens + self.among(normed, normed)
        tokens = tokens + self.to_text(self.norms[1](tokens), states)
        hidden = F.relu(self.expand(self.norms[2](tokens)))
        tokens = tokens + self.contract(hidden * hidden)
        return tokens.transpose(1, 2).reshape(-1, DEEP, SIZE // 2, SIZE // 2)


class UNet(nn.Module):
    """sample [b, 4, 8, 8], timestep int64 [1] or [b], encoder_hidden_states [b, 24, 96] -> out_sample [b, 4, 8, 8]."""

    def __init__(self):
        super().__init__()
        self.time_mlp = nn.Sequential(nn.Linear(2 * FREQUENCIES, 2 * CONDITION), nn.SiLU(), nn.Linear(2 * CONDITION, CONDITION))
        self.conv_in = nn.Conv2d(CHANNELS, FINE, 3, padding=1)
        self.down_fine = Residual(FINE, FINE)
        self.downsample = nn.Conv2d(FINE, DEEP, 3, stride=2, padding=1)
        self.down_deep, self.down_text = Residual(DEEP, DEEP), Transformer()
        self.middle, self.middle_text = Residual(DEEP, DEEP), Transformer()
        self.up_deep, self.up_text = Residual(2 * DEEP, DEEP), Transformer()
        self.upsample = nn.Conv2d(DEEP, FINE, 3, padding=1)
        self.up_fine = Residual(2 * FINE, FINE)
        self.norm_out, self.conv_out = GroupNorm(FINE), nn.Conv2d(FINE, CHANNELS, 3, padding=1)
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

    def __init__(self):
        super().__init__()
        self.tokenizer = text.Tokenizer()
        self.text_encoder = text.TextEncoder(len(self.tokenizer))
        self.unet = UNet()

    def tokens(self, template):
        """[11, 24]: the classes' prompts and the empty one."""
        prompts = [text.prompt(template, name) for name in data.CLASS_NAMES] + [""]
        return torch.tensor([self.tokenizer.encode(prompt) for prompt in prompts])

    def forward(self, sample, timestep, prompts):
        """For diffusion.sample, whose classes are rows of the default template's prompts; the last is the empty prompt."""
        return self.unet(sample, timestep, self.text_encoder(self.tokens(text.DEFAULT_TEMPLATE))[prompts])


def main():
    parser = training.argument_parser(__doc__, steps=4000, batch_size=64, learning_rate=1e-3, weight_decay=0.01)
    parser.add_argument("--prompt-dropout", type=float, default=0.1, help="share of rows trained with the empty prompt")
    parser.add_argument("--snr-limit", type=float, default=5.0, help="gamma of the min-SNR weighting")
    parser.set_defaults(ema=0.998)
    args = parser.parse_args()
    device = training.prepare(args)
    store = latents.load(args.checkpoint_dir, args.data_dir, args.part)
    mean, deviation = (store[key].mul(store["scaling_factor"]).to(device) for key in ("mean", "deviation"))
    labels = data.load(args.data_dir, args.part)[1].to(device)
    model = TextToLatent().to(device)
    print(f"{sum(p.numel() for p in model.unet.parameters()):,} parameters in the UNet, "
          f"{sum(p.numel() for p in model.text_encoder.parameters()):,} in the text encoder, {len(model.tokenizer)} tokens", flush=True)
    average = training.MovingAverage(model, args.ema)
    optimizer = training.adamw(model, args)
    alpha_bars = diffusion.STABLE_DIFFUSION.alpha_bars().to(device)
    tokens = [model.tokens(template).to(device) for template in text.TEMPLATES]

    def compute_loss(step):
        generator = training.step_generator(args.seed, step)
        rows = training.batch_indices(len(labels), args.batch_size, args.seed, step).to(device)
        mirrored = torch.randint(0, 2, (len(rows),), generator=generator).to(device)
        posterior_noise, noise = torch.randn(2, len(rows), CHANNELS, SIZE, SIZE, generator=generator).to(device)
        clean = mean[mirrored, rows] + deviation[mirrored, rows] * posterior_noise
        # stratified times: the batch covers the whole range evenly
        offset = (torch.arange(len(rows)) + torch.rand(len(rows), generator=generator)) / len(rows)
        time = (offset * diffusion.TRAIN_STEPS).long().to(device)
        dropped = (torch.rand(len(rows), generator=generator) < args.prompt_dropout).to(device)
        prompts = torch.where(dropped, torch.full_like(labels[rows], data.CLASS_COUNT), labels[rows])
        template = int(torch.randint(0, len(tokens), (), generator=generator))
        a = alpha_bars[time].view(-1, 1, 1, 1)
        noisy = a.sqrt() * clean + (1 - a).sqrt() * noise
        target = a.sqrt() * noise - (1 - a).sqrt() * clean
        with training.autocast(args):
            velocity = model.unet.velocity(noisy, time, model.text_encoder(tokens[template])[prompts]).float()
        error = (velocity - target).square().mean((1, 2, 3))
        ratio = alpha_bars[time] / (1 - alpha_bars[time])
        weight = ratio.clamp(max=args.snr_limit) / (ratio + 1)
        return (weight * error).mean(), {"error": error.detach().mean()}

    training.run(args, "unet", model, average, optimizer, compute_loss)


if __name__ == "__main__":
    main()
