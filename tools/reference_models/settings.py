"""The settings of a run: a TOML file with a section per network; what it leaves out keeps the default declared there."""

from __future__ import annotations  # fields carry the names of the modules that declare them

import dataclasses
import tomllib
from dataclasses import dataclass, field

import autoencoder
import data
import decoder
import dit
import teacher
import unet


@dataclass(frozen=True)
class Generation:
    """How images are generated for the figures and, by the model's defaults, by the program."""

    steps: int = 25
    images_per_class: int = 100
    guidance_scales: tuple = (1.0, 1.5, 2.0, 3.0)  # the best by the rule in evaluate.py becomes the default
    agreement: float = 0.8  # share of images recognised as their class below which no scale is chosen for its distance
    seed: int = 1


@dataclass(frozen=True)
class Settings:
    name: str = "your images"
    source: str = ""  # where the data come from and their licence, for the card
    seed: int = 0
    images: data.Images = field(default_factory=data.Images)
    autoencoder: autoencoder.Settings = field(default_factory=autoencoder.Settings)
    teacher: teacher.Settings = field(default_factory=teacher.Settings)
    decoder: decoder.Settings = field(default_factory=decoder.Settings)
    transformer: dit.Settings = field(default_factory=dit.Settings)
    unet: unet.Settings = field(default_factory=unet.Settings)
    generation: Generation = field(default_factory=Generation)


def load(path):
    try:
        with open(path, "rb") as stream:
            table = tomllib.load(stream)
    except (OSError, tomllib.TOMLDecodeError) as error:
        data.fail(f"{path}: {error}", "give a TOML file such as cifar10.toml beside the scripts")
    settings = _build(Settings, table, str(path))
    _check(settings, path)
    return settings


def _build(kind, table, place):
    known = {item.name: item for item in dataclasses.fields(kind)}
    unknown = sorted(table.keys() - known.keys())
    if unknown:
        data.fail(f"{place} has the unknown key {unknown[0]!r}", f"allowed are {', '.join(known)}")
    values = {}
    for key, value in table.items():
        default = getattr(kind(), key)
        if dataclasses.is_dataclass(default):
            if not isinstance(value, dict):
                data.fail(f"{place}: {key} is {value!r}", f"write a section [{key}]")
            values[key] = _build(type(default), value, f"{place} [{key}]")
        elif isinstance(default, tuple) and isinstance(value, list):
            values[key] = tuple(value)
        elif isinstance(default, float) and type(value) is int:
            values[key] = float(value)
        elif type(value) is type(default):
            values[key] = value
        else:
            data.fail(f"{place}: {key} is {value!r}", f"expected a value like {default!r}")
    return kind(**values)


def _check(settings, path):
    vae, transformer, size = settings.autoencoder, settings.transformer, settings.images.size
    latent = size // vae.downsample
    faults = {
        "[autoencoder] widths and blocks have different lengths": len(vae.widths) != len(vae.blocks),
        "[teacher] widths and blocks have different lengths": len(settings.teacher.widths) != len(settings.teacher.blocks),
        f"images of {size} pixels cannot be halved {len(vae.widths) - 1} times to a latent of at least 2": latent * vae.downsample != size or latent < 2,
        f"[transformer] patch {transformer.patch} does not divide the latent's side {latent}": latent % transformer.patch != 0,
        f"[transformer] width {transformer.width} is no multiple of {transformer.heads} heads": transformer.width % transformer.heads != 0,
        "[generation] has no guidance_scales": not settings.generation.guidance_scales,
    }
    for network in (autoencoder, teacher, dit):
        faults[f"[{network.NAME}] steps is 0"] = getattr(settings, network.NAME).steps < 1
    for fault, found in faults.items():
        if found:
            data.fail(f"{path}: {fault}", "change that section")
