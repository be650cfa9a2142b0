"""resize.py FOLDER: reads cases.txt (name, channels, height, width, mode, interpolation, target height, target width a line)
and NAME.in ([H, W, channels]); writes NAME.out as Pillow and torchvision make it."""
import pathlib
import sys

from oracle import require

numpy, Image = require("numpy", "PIL.Image")

folder = pathlib.Path(sys.argv[1])
FILTERS = {"nearest": Image.NEAREST, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}

for line in (folder / "cases.txt").read_text().splitlines():
    name, channels, height, width, mode, interpolation, target_height, target_width = line.split()
    channels, height, width, target_height, target_width = map(int, (channels, height, width, target_height, target_width))
    pixels = numpy.frombuffer((folder / f"{name}.in").read_bytes(), numpy.uint8).reshape(height, width, channels)
    image = Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)
    if mode == "resize":
        result = image.resize((target_width, target_height), FILTERS[interpolation])
    else:
        transforms = require("torchvision.transforms")
        modes = transforms.InterpolationMode
        which = {"nearest": modes.NEAREST, "bilinear": modes.BILINEAR, "bicubic": modes.BICUBIC, "lanczos": modes.LANCZOS}[interpolation]
        result = transforms.CenterCrop(target_height)(transforms.Resize(target_height, which)(image))
    (folder / f"{name}.out").write_bytes(numpy.asarray(result).tobytes())
