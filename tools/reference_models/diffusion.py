"""The noise schedules of DiT and Stable Diffusion, 1000 steps each; the loss of a velocity network; DDIM with guidance.

A network's body estimates the velocity v = sqrt(a) eps - sqrt(1 - a) x0, from which the output
eps = sqrt(a) v + sqrt(1 - a) x follows: at high noise eps is then right from the start, where a
small error of a direct estimate would be magnified 150-fold in x0. Outside it is an epsilon model.
"""

from dataclasses import dataclass

import torch

import training

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


@dataclass(frozen=True)
class Settings(training.Schedule):
    """What the trainings of both diffusion networks share."""

    learning_rate: float = 8e-4
    average: float = 0.998
    dropout: float = 0.1  # share of rows trained without their class, which guidance needs
    snr_limit: float = 5.0  # gamma of the min-SNR weighting


def velocity_loss(current, latents, schedule, settings):
    """A step's loss as a function of step, generator and predict(noisy latents, timesteps, classes); the last class is none."""
    labels, count = current.data.labels, len(current.data.class_names)
    batches = training.Batches(current, len(labels), settings.batch_size)
    table = schedule.alpha_bars().to(current.device)

    def loss(step, generator, predict):
        def uniform():
            return torch.rand(len(rows), generator=generator, device=rows.device)

        rows = batches.rows(step)
        clean = latents.draw(rows, generator)
        noise = torch.randn(clean.shape, generator=generator, device=rows.device)
        # stratified times: the batch covers the whole range evenly
        time = ((torch.arange(len(rows), device=rows.device) + uniform()) / len(rows) * TRAIN_STEPS).long()
        classes = torch.where(uniform() < settings.dropout, count, labels[rows])
        a = table[time].view(-1, 1, 1, 1)
        with current.autocast():
            velocity = predict(a.sqrt() * clean + (1 - a).sqrt() * noise, time, classes).float()
        error = (velocity - (a.sqrt() * noise - (1 - a).sqrt() * clean)).square().mean((1, 2, 3))
        ratio = table[time] / (1 - table[time])
        weight = ratio.clamp(max=settings.snr_limit) / (ratio + 1)
        return (weight * error).mean(), {"error": error.mean()}

    return loss


@torch.no_grad()
def sample(model, labels, steps, guidance_scale, generator, null_class, shape, schedule=DIT):
    """DDIM with eta 0 from pure noise; eps = eps_u + s (eps_c - eps_u) on all channels. The noise is drawn on the CPU."""
    table = schedule.alpha_bars().to(labels.device)
    latent = torch.randn(len(labels), *shape, generator=generator).to(labels.device)
    guided = guidance_scale != 1.0
    classes = torch.cat([labels, torch.full_like(labels, null_class)]) if guided else labels
    spacing = TRAIN_STEPS // steps
    for time in schedule.timesteps(steps):
        rows = torch.cat([latent, latent]) if guided else latent
        epsilon = model(rows, torch.full((len(rows),), time, dtype=torch.int64, device=labels.device), classes)
        if guided:
            conditional, unconditional = epsilon.chunk(2)
            epsilon = unconditional + guidance_scale * (conditional - unconditional)
        now = table[time]
        last = torch.ones_like(now) if schedule.ends_at_one else table[0]
        after = table[time - spacing] if time >= spacing else last
        clean = (latent - (1 - now).sqrt() * epsilon) / now.sqrt()
        latent = after.sqrt() * clean + (1 - after).sqrt() * epsilon
    return latent
