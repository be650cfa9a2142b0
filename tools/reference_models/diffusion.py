"""The noise schedules of DiT and Stable Diffusion, 1000 steps each, and DDIM with guidance."""

from dataclasses import dataclass

import torch

TRAIN_STEPS = 1000


@dataclass(frozen=True)
class Schedule:
    """Betas from start to end, linear in themselves or in their square roots; offset of the kept timesteps; last level."""

    beta_start: float
    beta_end: float
    scaled: bool
    offset: int
    ends_at_one: bool

    def alpha_bars(self):
        power = 0.5 if self.scaled else 1.0
        betas = torch.linspace(self.beta_start ** power, self.beta_end ** power, TRAIN_STEPS, dtype=torch.float64) ** (1 / power)
        return torch.cumprod(1 - betas, 0).float()

    def timesteps(self, count):
        """'leading' spacing: multiples of 1000 // count plus the offset, falling."""
        return [index * (TRAIN_STEPS // count) + self.offset for index in reversed(range(count))]


DIT = Schedule(1e-4, 0.02, scaled=False, offset=0, ends_at_one=True)
STABLE_DIFFUSION = Schedule(0.00085, 0.012, scaled=True, offset=1, ends_at_one=False)


@torch.no_grad()
def sample(model, labels, steps, guidance_scale, generator, null_class, shape, schedule=DIT):
    """DDIM with eta 0 from pure noise; eps = eps_u + s (eps_c - eps_u) on all channels."""
    table = schedule.alpha_bars()
    latent = torch.randn(len(labels), *shape, generator=generator)
    guided = guidance_scale != 1.0
    classes = torch.cat([labels, torch.full_like(labels, null_class)]) if guided else labels
    spacing = TRAIN_STEPS // steps
    for time in schedule.timesteps(steps):
        rows = torch.cat([latent, latent]) if guided else latent
        epsilon = model(rows, torch.full((len(rows),), time, dtype=torch.int64), classes)
        if guided:
            conditional, unconditional = epsilon.chunk(2)
            epsilon = unconditional + guidance_scale * (conditional - unconditional)
        now = table[time]
        last = torch.tensor(1.0) if schedule.ends_at_one else table[0]
        after = table[time - spacing] if time >= spacing else last
        clean = (latent - (1 - now).sqrt() * epsilon) / now.sqrt()
        latent = after.sqrt() * clean + (1 - after).sqrt() * epsilon
    return latent
