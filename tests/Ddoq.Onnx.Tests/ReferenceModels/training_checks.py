"""Checks of tools/reference_models that need no other runtime: training_checks.py TOOLS FOLDER. Exits with 77 where packages are missing.

Data are made here. FOLDER/colour and FOLDER/grey receive a trained model each, with vectors for a comparison in ONNX Runtime.
"""

import gzip
import io
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import time
import unittest
from pathlib import Path

TOOLS, FOLDER = Path(sys.argv[1]), Path(sys.argv[2])
sys.path.insert(0, str(TOOLS))
sys.dont_write_bytecode = True
try:
    import numpy as np
    import onnx
    import torch
    import torchvision
    from onnx import numpy_helper
    from PIL import Image
except ImportError as error:
    print(error)
    sys.exit(77)

import autoencoder
import data
import dit
import export
import export_unet
import run
import settings
import teacher
import training
import weights

# The diffusion networks begin at zero: their rates are high so that their outputs say something.
SMALL = """
[autoencoder]
latent_channels = 8
widths = [4, 8, 12]
blocks = [1, 1, 1]
steps = 6
batch_size = 8
[teacher]
widths = [4, 8, 8]
blocks = [1, 1, 0]
steps = 6
batch_size = 8
cutout = 4
[decoder]
steps = 3
batch_size = 4
discriminator_width = 4
[transformer]
width = 16
depth = 1
heads = 2
patch = 1
condition = 16
steps = 6
batch_size = 8
learning_rate = 0.05
warmup = 1
[generation]
steps = 2
images_per_class = 3
guidance_scales = [1.0, 2.0]
"""
COLOUR = 'name = "colour"\n[images]\nsize = 64\n' + SMALL.replace("widths = [4, 8, 12]\nblocks = [1, 1, 1]", "widths = [4, 8, 8, 12]\nblocks = [1, 1, 0, 1]")
GREY = 'name = "grey"\n[images]\nfit = "pad"\nclass_names = ["first/one", "second", "third"]\n' + SMALL.replace("latent_channels = 8", "latent_channels = 4") \
    .replace("[generation]", "[unet]\nsteps = 3\nbatch_size = 4\nlearning_rate = 0.05\nwarmup = 1\n[generation]")
CLASSES = ["ape", "bee", "cod"]


def pixels(*shape):
    return np.random.default_rng(len(shape) * 1000 + shape[0]).integers(0, 256, shape, dtype=np.uint8)


def write_colour(root, archives):
    """CLASSES with 12 training and 10 test images of odd sizes, as folders or archives."""
    for part, count in (("train", 12), ("test", 10)):
        for index, name in enumerate(CLASSES):
            files = {f"{i:04}.png": pixels(40 + i, 36 + index, 3) for i in range(count)}
            (root / part).mkdir(parents=True, exist_ok=True)
            if archives:
                with tarfile.open(root / part / f"{name}.tar", "w") as archive:
                    for file, image in files.items():
                        stream = io.BytesIO()
                        Image.fromarray(image).save(stream, "PNG")
                        entry = tarfile.TarInfo(f"./{file}")
                        entry.size = stream.tell()
                        stream.seek(0)
                        archive.addfile(entry, stream)
            else:
                (root / part / name).mkdir()
                for file, image in files.items():
                    Image.fromarray(image).save(root / part / name / file)


def write_idx(root):
    root.mkdir(parents=True)
    for prefix, count in (("train", 60), ("t10k", 30)):
        images, labels = pixels(count, 28, 28), np.arange(count, dtype=np.uint8) % 3
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
            with gzip.open(root / f"{prefix}-{kind}-ubyte.gz", "wb") as stream:
                stream.write(header + array.tobytes())


def configuration(name, text):
    path = FOLDER / f"{name}.toml"
    path.write_text(text)
    return path


def command(config, source, output, *more):
    return [sys.executable, "-B", str(TOOLS / "train.py"), "--config", str(config), "--data", str(source), "--output", str(output), "--threads", "1", *more]


def finish(*arguments):
    return subprocess.run(command(*arguments), check=True, capture_output=True, text=True, timeout=300).stdout


def refused(action):
    """The message an action ends with."""
    try:
        action()
    except SystemExit as error:
        return str(error)
    raise AssertionError("nothing was refused")


class DataTests(unittest.TestCase):
    def test_archives_and_folders_give_the_same_images_cropped_as_torchvision_does(self):
        write_colour(FOLDER / "folders", archives=False)
        found, archived = (data.load(FOLDER / name, data.Images()) for name in ("folders", "archives"))
        self.assertEqual(found.class_names, CLASSES)
        for name in ("images", "labels", "test_images", "test_labels"):
            self.assertTrue(torch.equal(getattr(found, name), getattr(archived, name)), name)
        crop = torchvision.transforms.Compose([
            torchvision.transforms.Resize(32, torchvision.transforms.InterpolationMode.BICUBIC), torchvision.transforms.CenterCrop(32)])
        source = Image.open(FOLDER / "folders/train/bee/0007.png")
        self.assertTrue(np.array_equal(found.images[12 + 7], np.asarray(crop(source)).transpose(2, 0, 1)))

    def test_idx_images_are_padded_and_grey(self):
        found = data.load(FOLDER / "idx", settings.load(configuration("grey", GREY)).images)
        self.assertEqual(found.channels, 1)
        self.assertTrue(np.array_equal(found.images[:, 0], np.pad(pixels(60, 28, 28), ((0, 0), (2, 2), (2, 2)))))
        self.assertEqual(found.class_names[0], "first/one")

    def test_colour_files_of_equal_channels_are_grey_and_without_test_images_some_are_set_aside(self):
        for index, name in enumerate("ab"):
            (FOLDER / "plain" / name).mkdir(parents=True)
            for i in range(20):
                Image.fromarray(pixels(32 + i, 32 + index)[:32, :32]).convert("RGB").save(FOLDER / "plain" / name / f"{i:02}.png")
        found = data.load(FOLDER / "plain", data.Images())
        self.assertEqual((found.channels, len(found.images), found.test_labels.tolist()), (1, 36, [0, 0, 1, 1]))
        self.assertTrue(np.array_equal(found.test_images[0, 0], np.asarray(Image.open(FOLDER / "plain/a/09.png"))[:, :, 0]))

    def test_moved_images_are_reflected_at_the_edge(self):
        image = torch.arange(2 * 36, dtype=torch.uint8).view(1, 2, 6, 6)
        padded = np.pad(image.numpy(), ((0, 0), (0, 0), (2, 2), (2, 2)), mode="reflect")
        windows = [padded[:, :, top:top + 6, left:left + 6] for top in range(5) for left in range(5)]
        seen = {index for step in range(200) for index, window in enumerate(windows)
                if np.array_equal(data.random_move(image, torch.Generator().manual_seed(step), False, 2), window)}
        self.assertGreater(len(seen), 20)
        twice = data.random_move(image.repeat(64, 1, 1, 1), torch.Generator().manual_seed(0), True)
        plain = sum(torch.equal(row, image[0]) for row in twice)
        self.assertEqual(plain + sum(torch.equal(row, image[0].flip(-1)) for row in twice), 64)
        self.assertIn(plain, range(16, 49))

    def test_a_square_is_blanked(self):
        blanked = data.random_cutout(torch.ones(200, 1, 8, 8), torch.Generator().manual_seed(1), 4) == 0
        self.assertEqual(int(blanked.sum((1, 2, 3)).max()), 16)
        self.assertGreater(int(blanked.sum((1, 2, 3)).min()), 3)
        self.assertTrue(bool(blanked.any(0).all()), "some pixels are never blanked")

    def test_errors_name_the_fault(self):
        self.assertIn("unknown key 'stpes'", refused(lambda: settings.load(configuration("wrong", "[teacher]\nstpes = 3\n"))))
        self.assertIn("patch 3 does not divide", refused(lambda: settings.load(configuration("wrong", "[transformer]\npatch = 3\n"))))
        self.assertIn("there is no folder", refused(lambda: data.load(FOLDER / "nowhere", data.Images())))


class NetworkTests(unittest.TestCase):
    def test_folded_batch_norms_change_nothing(self):
        torch.manual_seed(5)
        sizes = teacher.Settings(widths=(4, 6), blocks=(1, 1))
        network = teacher.Teacher(sizes, 3, 5, [0.5] * 3, [0.2] * 3)
        images = torch.rand(32, 3, 16, 16)
        for _ in range(3):
            network(images)
        for parameter in network.parameters():
            torch.nn.init.uniform_(parameter, -0.5, 0.5)
        network.eval()
        folded = teacher.Teacher(sizes, 3, 5, [0.0] * 3, [1.0] * 3, folded=True)
        folded.load_state_dict(teacher.fold(network.state_dict()))
        self.assertTrue(torch.allclose(folded(folded.normalise(images)), network(network.normalise(images)), atol=1e-4))

    def test_the_shipped_settings_make_small_model_folders(self):
        for name in ("cifar10", "fashion-mnist"):
            shipped = settings.load(TOOLS / f"{name}.toml")
            channels, side = shipped.images.channels, shipped.images.size // shipped.autoencoder.downsample
            networks = [autoencoder.Autoencoder(shipped.autoencoder, channels), dit.DiT(shipped.transformer, shipped.autoencoder.latent_channels, side, 10),
                        teacher.Teacher(shipped.teacher, channels, 10, [0.0] * channels, [1.0] * channels, folded=True)]
            self.assertLess(2 * sum(p.numel() for network in networks for p in network.parameters()), 24.8e6, name)

    def test_weights_come_back_with_large_tensors_in_half_precision(self):
        tensors = {"large": torch.randn(64, 32), "small": torch.randn(7), "count": torch.tensor(3)}
        weights.save(FOLDER / "some.safetensors", tensors, {"steps": 4})
        found = weights.load(FOLDER / "some.safetensors")
        self.assertEqual(weights.record(FOLDER / "some.safetensors"), {"steps": 4})
        self.assertTrue(torch.equal(found["large"], tensors["large"].half().float()))
        self.assertTrue(torch.equal(found["small"], tensors["small"]) and torch.equal(found["count"], tensors["count"]))

    def test_every_image_is_taken_once_an_epoch(self):
        current = run.Run(settings.load(configuration("colour", COLOUR)), "", FOLDER / "none")
        batches = training.Batches(current, 20, 5)
        epochs = [torch.cat([batches.rows(step) for step in range(first, first + 4)]) for first in (0, 4)]
        self.assertTrue(all(torch.equal(epoch.sort().values, torch.arange(20)) for epoch in epochs))
        self.assertFalse(torch.equal(*epochs))
        self.assertTrue(torch.equal(training.Batches(current, 20, 5).rows(6), batches.rows(6)))


class TrainingTests(unittest.TestCase):
    def test_a_killed_training_ends_with_the_same_bytes(self):
        """Killed at a random moment of each network's training; the other run wrote FOLDER/colour undisturbed."""
        seed = random.randrange(1 << 30)
        print(f"seed of the kills: {seed}")
        moments, output = random.Random(seed), FOLDER / "killed"
        for wanted in ("autoencoder", "teacher", "decoder", "transformer"):
            process = subprocess.Popen(command(FOLDER / "colour.toml", FOLDER / "archives", output, "--save-seconds", "0"),
                                       stdout=subprocess.PIPE, text=True)
            while process.poll() is None and f'"network": "{wanted}", "parameters"' not in process.stdout.readline():
                pass
            time.sleep(moments.uniform(0, 0.3))
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.communicate()
        output_text = finish(FOLDER / "colour.toml", FOLDER / "archives", output)
        self.assertIn("done after", output_text)
        files = [path.relative_to(output) for path in sorted((output / "model").rglob("*.*")) if path.name != "README.md"]
        self.assertGreater(len(files), 9)
        for file in files:
            self.assertEqual((output / file).read_bytes(), (FOLDER / "colour" / file).read_bytes(), file)

    def test_weights_of_other_settings_are_refused(self):
        other = configuration("other", COLOUR.replace("cutout = 4", "cutout = 6"))
        found = subprocess.run(command(other, FOLDER / "archives", FOLDER / "colour"), capture_output=True, text=True)
        self.assertNotEqual(found.returncode, 0)
        self.assertIn("teacher.safetensors was made with other settings: settings, cutout", found.stderr)
        self.assertNotIn("Traceback", found.stderr)

    def test_a_time_limit_ends_a_training(self):
        output = FOLDER / "limited"
        finish(configuration("long", COLOUR.replace("steps = 6", "steps = 1000000")), FOLDER / "archives", output, "--only", "teacher", "--seconds", "teacher=1")
        record = weights.record(output / "weights/teacher.safetensors")
        self.assertEqual((record["seconds"], record["seconds_limit"]), (1, 1))

    def test_weights_alone_are_enough_for_the_export(self):
        """What comes back from another machine: finished weights and their figures."""
        output = FOLDER / "brought"
        shutil.copytree(FOLDER / "colour/weights", output / "weights")
        shutil.copy(FOLDER / "colour/evaluation.json", output)
        finish(FOLDER / "colour.toml", FOLDER / "archives", output)
        self.assertEqual((output / "model/README.md").read_text(), (FOLDER / "colour/model/README.md").read_text())

    def test_networks_of_an_exported_folder_can_be_taken(self):
        output, text = FOLDER / "taken", GREY.replace("[transformer]", "[transformer]\nsnr_limit = 4.0")
        finish(configuration("taken", text), FOLDER / "idx", output, "--published", str(FOLDER / "grey/model"))
        for part in ("vae_encoder", "vae_decoder", "teacher"):
            kept, made = (onnx.load(str(folder / "model" / part / "model.onnx")) for folder in (FOLDER / "grey", output))
            for before, after in zip(kept.graph.initializer, made.graph.initializer):
                self.assertTrue(np.array_equal(numpy_helper.to_array(before), numpy_helper.to_array(after)), f"{part} {before.name}")

    def test_the_card_has_the_measured_figures(self):
        figures = json.loads((FOLDER / "colour/evaluation.json").read_text())
        card = (FOLDER / "colour/model/README.md").read_text()
        self.assertIn(f"PSNR {figures['test']['psnr']:.2f} dB", card)
        self.assertIn(f"{100 * figures['test']['teacher_accuracy']:.2f} % correct", card)
        self.assertIn(f"{100 * figures['generated']['transformer']['agreement']:.1f} % of them", card)


def train_both():
    write_colour(FOLDER / "archives", archives=True)
    write_idx(FOLDER / "idx")
    for name, text, source in (("colour", COLOUR, "archives"), ("grey", GREY, "idx")):
        finish(configuration(name, text), FOLDER / source, FOLDER / name)
        current = run.Run(settings.load(FOLDER / f"{name}.toml"), FOLDER / source, FOLDER / name)
        export.write_vectors(export.networks(current), FOLDER / name / "vectors")
    export.write_vectors(export_unet.networks(current)[1], FOLDER / "grey/vectors-unet")


os.environ.setdefault("OMP_NUM_THREADS", "1")
train_both()
unittest.main(argv=[sys.argv[0], "-v"])
