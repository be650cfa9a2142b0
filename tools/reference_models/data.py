"""Labelled images of any data set as one array of bytes: a folder or a tar archive per class, or IDX files.

The layouts and the way to the wanted size are those of the program that will use the networks: `train/<class>/...` or
`train/<class>.tar` beside `test/` (or `val/`), or the four IDX files of MNIST and its kin, gzip or not.
"""

import gzip
import io
import struct
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
TEST_FOLDERS = ("test", "val", "valid", "validation")
FITS = ("pad", "crop", "stretch")
HELD_OUT = 10  # without test images, every tenth image of a class is set aside as one


@dataclass(frozen=True)
class Images:
    """How images become the networks' input; model_index.json says the same to the program."""

    size: int = 32
    channels: int = 0  # 1 grey, 3 colour; 0: grey when every image is
    fit: str = "crop"
    pad_value: int = 0
    mirror: bool = True  # whether a mirrored image is as good as the image
    class_names: tuple = ()  # for IDX files, which have none


@dataclass
class Dataset:
    """Images uint8 [n, channels, size, size] and labels int64 [n]."""

    class_names: list
    images: torch.Tensor
    labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor
    test_source: str

    @property
    def channels(self):
        return self.images.shape[1]

    def to(self, device):
        tensors = (tensor.to(device) for tensor in (self.images, self.labels, self.test_images, self.test_labels))
        return Dataset(self.class_names, *tensors, self.test_source)


def fail(message, hint):
    raise SystemExit(f"error: {message}\nhint: {hint}")


def load(folder, settings):
    """Reads a whole data set. Classes are in the order of their names, those of IDX files in the order of their numbers."""
    folder = Path(folder)
    if settings.fit not in FITS or settings.channels not in (0, 1, 3):
        fail(f"[images] has fit = {settings.fit!r} and channels = {settings.channels}", f"fit is one of {', '.join(FITS)}; channels is 0, 1 or 3")
    if not folder.is_dir():
        fail(f"there is no folder {folder}", "give the folder that holds train/ and test/, a folder per class, or IDX files")
    if any(folder.glob("*-images*idx3-ubyte*")):
        return _load_idx(folder, settings)
    train = folder / "train" if (folder / "train").is_dir() else folder
    tests = [folder / name for name in TEST_FOLDERS if train != folder and (folder / name).is_dir()]
    names, images, labels = _load_classes(train, settings)
    if tests:
        test_names, test_images, test_labels = _load_classes(tests[0], settings)
        if test_names != names:
            fail(f"{train} has the classes {', '.join(names)}; {tests[0]} has {', '.join(test_names)}", "give both parts the same class folders")
        source = f"the images of {tests[0].name}/"
    else:
        position = np.concatenate([np.arange(count) for count in np.bincount(labels, minlength=len(names))])
        aside = position % HELD_OUT == HELD_OUT - 1
        test_images, test_labels, images, labels = images[aside], labels[aside], images[~aside], labels[~aside]
        source = f"every {HELD_OUT}th image of each class, set aside before the training"
    if len(images) == 0 or len(test_images) == 0:
        fail(f"{folder} gives {len(images)} training and {len(test_images)} test images", f"each class needs {HELD_OUT} images, or test/ beside train/")
    channels = settings.channels or (1 if _is_grey(images) and _is_grey(test_images) else 3)
    return Dataset(names, _to_tensor(images, channels), torch.from_numpy(labels), _to_tensor(test_images, channels), torch.from_numpy(test_labels), source)


def _is_grey(images):
    return bool((images[:, :1] == images).all())


def _to_tensor(images, channels):
    if channels == 1 and not _is_grey(images):
        weights = np.float32([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1)
        parts = np.array_split(images, 1 + len(images) // 4096)
        images = np.concatenate([np.rint((part * weights).sum(1, keepdims=True)).astype(np.uint8) for part in parts])
    return torch.from_numpy(np.ascontiguousarray(images[:, :channels]))


def _class_sources(folder):
    """Names and sources of the classes: a folder, or an archive without its suffix."""
    sources = {entry.name: entry for entry in folder.iterdir() if entry.is_dir()}
    archives = {entry.stem: entry for entry in folder.glob("*.tar")}
    both = sorted(sources.keys() & archives.keys())
    if both:
        fail(f"{folder} has a folder and an archive of class {both[0]}", "keep one of them")
    sources |= archives
    if not sources:
        fail(f"{folder} has neither class folders nor archives", "expected <class>/*.png or <class>.tar")
    return sorted(sources.items())


def _contents(source):
    """The encoded images of a class in the order of their names, as (name, bytes)."""
    if source.is_dir():
        paths = sorted(path for path in source.rglob("*") if path.suffix.lower() in SUFFIXES)
        return [(str(path), path.read_bytes()) for path in paths]
    with tarfile.open(source) as archive:
        members = sorted((m for m in archive.getmembers() if m.isfile() and m.name.lower().endswith(SUFFIXES)), key=lambda m: m.name)
        return [(f"{source}:{member.name}", archive.extractfile(member).read()) for member in members]


def _load_classes(folder, settings):
    names, images, labels = [], [], []
    with ThreadPoolExecutor() as pool:
        for label, (name, source) in enumerate(_class_sources(folder)):
            names.append(name)
            decoded = list(pool.map(lambda item: _decode(*item, settings), _contents(source)))
            images += decoded
            labels += [label] * len(decoded)
    shape = (0, 3, settings.size, settings.size)
    return names, np.stack(images) if images else np.zeros(shape, np.uint8), np.array(labels, dtype=np.int64)


def _decode(name, content, settings):
    """uint8 [3, size, size]: upright, transparency on white, then fitted."""
    from PIL import Image, ImageOps
    try:
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    except OSError as error:
        fail(f"{name}: {error}", "remove or replace the damaged image")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB")
    size, (width, height) = settings.size, image.size
    if (width, height) == (size, size):
        pass
    elif settings.fit == "pad":
        image = _pad(image, size, settings.pad_value, name)
    elif settings.fit == "stretch":
        image = image.resize((size, size), Image.BICUBIC)
    else:
        scale = size / min(width, height)
        image = image.resize((max(size, int(width * scale)), max(size, int(height * scale))), Image.BICUBIC)
        left, top = round((image.width - size) / 2), round((image.height - size) / 2)
        image = image.crop((left, top, left + size, top + size))
    return np.asarray(image).transpose(2, 0, 1)


def _pad(image, size, value, name):
    from PIL import Image
    if max(image.size) > size:
        fail(f"{name} is {image.width}x{image.height}; fit = \"pad\" takes images of at most {size}x{size}", 'set fit = "crop" or "stretch" in [images]')
    padded = Image.new("RGB", (size, size), (value,) * 3)
    padded.paste(image, ((size - image.width) // 2, (size - image.height) // 2))
    return padded


def _read_idx(path):
    with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as stream:
        content = stream.read()
    zero, kind, rank = struct.unpack(">HBB", content[:4])
    if zero != 0 or kind != 8:
        fail(f"{path} begins with {content[:4].hex()}", "an IDX file of unsigned bytes begins with 000008")
    shape = struct.unpack(f">{rank}I", content[4:4 + 4 * rank])
    return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * rank).reshape(shape)


def _load_idx(folder, settings):
    def part(prefixes):
        for prefix in prefixes:
            images, labels = (sorted(folder.glob(f"{prefix}-{kind}*ubyte*")) for kind in ("images", "labels"))
            if images and labels:
                return _read_idx(images[0]), _read_idx(labels[0]).astype(np.int64)
        fail(f"{folder} has no images and labels called {prefixes[0]}-*", "the four IDX files are train-* and t10k-* or test-*")

    images, labels = part(["train"])
    test_images, test_labels = part(["t10k", "test"])
    names = list(settings.class_names) or [str(label) for label in range(int(labels.max()) + 1)]
    if len(names) <= max(labels.max(), test_labels.max()):
        fail(f"[images] names {len(names)} classes, the labels go to {max(labels.max(), test_labels.max())}", "give class_names one name per label")
    return Dataset(names, _fit_idx(images, settings, folder), torch.from_numpy(labels),
                   _fit_idx(test_images, settings, folder), torch.from_numpy(test_labels), "the test files")


def _fit_idx(images, settings, folder):
    height, width = images.shape[1:]
    if settings.fit != "pad" or max(height, width) > settings.size:
        if (height, width) != (settings.size, settings.size):
            fail(f"{folder} has images of {width}x{height}", f'IDX images are padded: set fit = "pad" and a size of at least {max(width, height)} in [images]')
    top, left = (settings.size - height) // 2, (settings.size - width) // 2
    margins = ((0, 0), (top, settings.size - height - top), (left, settings.size - width - left))
    padded = torch.from_numpy(np.pad(images, margins, constant_values=settings.pad_value)).unsqueeze(1)
    return padded.expand(-1, 3, -1, -1).contiguous() if settings.channels == 3 else padded


def to_signed(images):
    """uint8 -> float in [-1, 1]."""
    return images.float().div_(127.5).sub_(1.0)


def to_unit(images):
    """uint8 -> float in [0, 1]."""
    return images.float().div_(255.0)


def random_move(images, generator, mirror, reach=0):
    """Mirrors each image with probability one half and moves it by up to `reach` pixels each way; the edge is reflected."""
    count, channels, height, width = images.shape
    device = images.device
    rows = torch.arange(height, device=device).expand(count, -1)
    columns = torch.arange(width, device=device).expand(count, -1)
    if mirror:
        flipped = torch.rand(count, 1, generator=generator, device=device) < 0.5
        columns = torch.where(flipped, columns.flip(1), columns)
    if reach:
        offsets = torch.randint(-reach, reach + 1, (2, count, 1), generator=generator, device=device)
        rows, columns = _reflect(rows + offsets[0], height), _reflect(columns + offsets[1], width)
    image, channel = torch.arange(count, device=device), torch.arange(channels, device=device)
    return images[image.view(-1, 1, 1, 1), channel.view(1, -1, 1, 1), rows.view(count, 1, height, 1), columns.view(count, 1, 1, width)]


def _reflect(index, length):
    return (length - 1) - ((length - 1) - index.abs()).abs()


def random_cutout(images, generator, side):
    """Sets a square of `side` pixels, centred anywhere, to zero in each image."""
    count, _, height, width = images.shape
    device = images.device

    def outside(length):
        centre = torch.randint(0, length, (count, 1), generator=generator, device=device)
        distance = torch.arange(length, device=device) - centre
        return (distance < -(side // 2)) | (distance >= side - side // 2)

    kept = outside(height).view(count, 1, height, 1) | outside(width).view(count, 1, 1, width)
    return images * kept
