"""The noise schedules of DiT (linear) and Stable Diffusion (scaled linear), 1000 steps each, and DDIM with guidance."""

import torch

TRAIN_STEPS = 1000
BETA_START, BETA_END = 1e-4, 0.02
DIT = torch.linspace(BETA_START, BETA_END, TRAIN_STEPS, dtype=torch.float64)
SCALED_BETA_START, SCALED_BETA_END = 0.00085, 0.012
STABLE_DIFFUSION = torch.linspace(SCALED_BETA_START ** 0.5, SCALED_BETA_END ** 0.5, TRAIN_STEPS, dtype=torch.float64) ** 2


def alpha_bars(betas=DIT):
    return torch.cumprod(1 - betas, 0).float()


def timesteps(count):
    """'leading' spacing without offset: multiples of 1000 // count, falling."""
    return [index * (TRAIN_STEPS // count) for index in reversed(range(count))]


@torch.no_grad()
def sample(model, labels, steps, guidance_scale, generator, null_class, shape, betas=DIT):
    """DDIM with eta 0 from pure noise; eps = eps_u + s (eps_c - eps_u) on all channels."""
    table = alpha_bars(betas)
    latent = torch.randn(len(labels), *shape, generator=generator)
    guided = guidance_scale != 1.0
    classes = torch.cat([labels, torch.full_like(labels, null_class)]) if guided else labels
    spacing = TRAIN_STEPS // steps
    for time in timesteps(steps):
        rows = torch.cat([latent, latent]) if guided else latent
        epsilon = model(rows, torch.full((len(rows),), time, dtype=torch.int64), classes)
        if guided:
            conditional, unconditional = epsilon.chunk(2)
            epsilon = unconditional + guidance_scale * (conditional - unconditional)
        now = table[time]
        after = table[time - spacing] if time >= spacing else torch.tensor(1.0)
        clean = (latent - (1 - now).sqrt() * epsilon) / now.sqrt()
        latent = after.sqrt() * clean + (1 - after).sqrt() * epsilon
    return latent
