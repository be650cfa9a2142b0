"""generate.py OUT [--images 50000] [--classes 100] [--damaged 100] [--seed 0]

Writes JPEGs of ImageNet's usual sizes as OUT/train/<class>/<class>_<i>.JPEG, and OUT/damaged.txt with the names of those that
were damaged on purpose. The content is coloured noise with a 1/f amplitude spectrum, as photographs have, with contrast and
colour that vary from image to image. Needs numpy and Pillow. Deterministic, resumes at the class it was in."""
import argparse
import io
import pathlib

import numpy
from PIL import Image

SIZES = [(500, 375)] * 6 + [(375, 500)] * 2 + [(500, 333)] * 2 + [(500, 400), (400, 400), (640, 480)]
FIELD = 1024
KINDS = ["truncated", "zero bytes", "not an image", "wrong magic"]


def field(random, exponent):
    """A square field of noise with amplitude 1/f**exponent, mean 0 and deviation 1."""
    rows = numpy.fft.fftfreq(FIELD)[:, None]
    columns = numpy.fft.rfftfreq(FIELD)[None, :]
    frequency = numpy.sqrt(rows * rows + columns * columns)
    frequency[0, 0] = 1
    amplitude = frequency ** -exponent
    amplitude[0, 0] = 0
    shape = (FIELD, FIELD // 2 + 1)
    noise = numpy.fft.irfft2((random.standard_normal(shape) + 1j * random.standard_normal(shape)) * amplitude, (FIELD, FIELD))
    return (noise / noise.std()).astype(numpy.float32)


def crop(random, fields, width, height):
    y, x = random.integers(0, FIELD - height + 1), random.integers(0, FIELD - width + 1)
    part = fields[random.integers(len(fields))][y:y + height, x:x + width]
    return part[::-1] if random.integers(2) else part


def picture(random, light, colour):
    width, height = SIZES[random.integers(len(SIZES))]
    luma = 118 + random.uniform(35, 60) * (crop(random, light, width, height) + crop(random, light, width, height)) / numpy.sqrt(numpy.float32(2))
    blue, red = (random.uniform(8, 25) * crop(random, colour, width, height) + random.uniform(-12, 12) for _ in range(2))
    planes = numpy.stack([luma, 128 + blue, 128 + red], -1)
    stream = io.BytesIO()
    Image.fromarray(numpy.clip(planes, 0, 255).astype(numpy.uint8), "YCbCr").save(stream, "JPEG", quality=int(random.integers(65, 86)))
    return stream.getvalue()


def damage(content, kind):
    return {
        "truncated": content[:len(content) // 2],
        "zero bytes": b"",
        "not an image": b"<html><body>404 Not Found</body></html>\n",
        "wrong magic": b"\0\0\0\0" + content[4:],
    }[kind]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--damaged", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    random = numpy.random.default_rng([options.seed, 1])
    light = [field(random, 1.0) for _ in range(24)]
    colour = [field(random, 1.2) for _ in range(12)]
    chosen = numpy.random.default_rng([options.seed, 2]).choice(options.images, options.damaged, replace=False)
    kinds = {int(image): KINDS[i % len(KINDS)] for i, image in enumerate(chosen)}
    damaged = []
    for label in range(options.classes):
        name = f"n{10_000_000 + 7919 * label:08d}"
        folder = options.out / "train" / name
        folder.mkdir(parents=True, exist_ok=True)
        images = range(label * options.images // options.classes, (label + 1) * options.images // options.classes)
        damaged += [(f"{name}/{name}_{image}.JPEG", kinds[image]) for image in images if image in kinds]
        if sum(1 for _ in folder.iterdir()) == len(images):
            continue
        random = numpy.random.default_rng([options.seed, 3, label])
        for image in images:
            content = picture(random, light, colour)
            (folder / f"{name}_{image}.JPEG").write_bytes(damage(content, kinds[image]) if image in kinds else content)
        print(f"{label + 1} of {options.classes} classes", flush=True)
    (options.out / "damaged.txt").write_text("".join(f"{name}\t{kind}\n" for name, kind in damaged))


main()
