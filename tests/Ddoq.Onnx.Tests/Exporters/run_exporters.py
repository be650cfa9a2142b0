"""Runs the exporters on random weights: run_exporters.py TOOLS FOLDER. Exits with 77 where packages are missing.

The classifier is torchvision's own. Instead of diffusers' classes, whose checkpoints are large, small modules with the same
interface stand in: what is tested is the exporter, its files and its comparison.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
try:
    import onnx
    import torch
    import torchvision
except ImportError as error:
    print(error)
    sys.exit(77)

import autoencoder
import checks
import dit
import module
import stable_diffusion
import teacher

FOLDER = Path(sys.argv[2])
CLASSES = ["n01440764", "n02102040", "n03028079"]


class Transformer(torch.nn.Module):
    """The interface of diffusers' DiTTransformer2DModel."""

    def __init__(self):
        super().__init__()
        self.config = SimpleNamespace(sample_size=8, in_channels=4, out_channels=8, num_embeds_ada_norm=len(CLASSES))
        self.conv, self.label = torch.nn.Conv2d(4, 8, 3, padding=1), torch.nn.Embedding(len(CLASSES) + 1, 8)

    def forward(self, hidden_states, timestep=None, class_labels=None, return_dict=True):
        bias = self.label(class_labels) + timestep.float().unsqueeze(1) / 1000
        return (self.conv(hidden_states) + bias.unsqueeze(-1).unsqueeze(-1),)


class Autoencoder(torch.nn.Module):
    """The interface of diffusers' AutoencoderKL."""

    def __init__(self):
        super().__init__()
        self.config = SimpleNamespace(block_out_channels=[1, 1, 1, 1], latent_channels=4, scaling_factor=0.18215)
        self.encoder, self.decoder = torch.nn.Conv2d(3, 8, 8, stride=8), torch.nn.ConvTranspose2d(4, 3, 8, stride=8)

    def encode(self, sample, return_dict=True):
        return (SimpleNamespace(parameters=self.encoder(sample)),)

    def decode(self, latent, return_dict=True):
        return (self.decoder(latent),)


def refused(action):
    try:
        action()
    except checks.ExportError as error:
        return str(error)
    raise AssertionError("nothing was refused")


torch.manual_seed(3)
vectors = FOLDER / "vectors"
(FOLDER / "classes.txt").write_text("\n".join(CLASSES) + "\n", encoding="utf-8")
sys.argv = ["teacher.py", "--model", "resnet18", "--classes", str(FOLDER / "classes.txt"), "--image-size", "64",
            "--output", str(FOLDER / "teacher"), "--check-vectors", str(vectors)]
teacher.main()
dit.export(Transformer(), Autoencoder(), FOLDER / "dit", CLASSES, vectors=vectors)
assert "2 class names" in refused(lambda: dit.export(Transformer(), Autoencoder(), FOLDER / "wrong", CLASSES[:2], vectors=vectors))
assert "text_encoder" in refused(lambda: stable_diffusion.check_layout(FOLDER / "dit"))
assert stable_diffusion.command("m", Path("o"), "fp32") == ["optimum-cli", "export", "onnx", "--model", "m", "--task", "text-to-image", "o"]

# Modules of one's own: 6 latent channels, a downsampling of 4, no variance; a linear teacher without onnxruntime.
OWN = FOLDER / "own.py"
OWN.write_text('''
import torch


class Autoencoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.up = torch.nn.Conv2d(3, 6, 4, stride=4), torch.nn.ConvTranspose2d(6, 3, 4, stride=4)

    def encode(self, images):
        return self.down(images)

    def decode(self, latents):
        return self.up(latents)


class Teacher(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 3)

    def forward(self, images):
        return self.linear(images.mean(dim=(2, 3)))
''')
sys.argv = ["autoencoder.py", "--module", f"{OWN}:Autoencoder", "--image-size", "16", "--scaling-factor", "0.5",
            "--output", str(FOLDER / "own"), "--check-vectors", str(FOLDER / "vectors-own")]
autoencoder.main()
sys.argv = ["teacher.py", "--module", f"{OWN}:Teacher", "--classes", str(FOLDER / "classes.txt"), "--image-size", "8",
            "--mean", "0", "0", "0", "--std", "1", "1", "1", "--output", str(FOLDER / "own/teacher"), "--check-vectors", str(FOLDER / "vectors-own")]
teacher.main()
assert "no 'Nobody'" in refused(lambda: module.load(f"{OWN}:Nobody"))
assert "names no file" in refused(lambda: module.load("nowhere.py:build"))

# Weights above the limit go to a second file.
checks.LARGEST_SINGLE_FILE = 100
dit.export(Transformer(), Autoencoder(), FOLDER / "dit-external", CLASSES, vectors=FOLDER / "vectors-external")
assert (FOLDER / "dit-external/transformer/model.onnx_data").exists()
