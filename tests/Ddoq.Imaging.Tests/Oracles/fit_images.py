"""fit_images.py FOLDER SIZE: an ImageFolder of JPEG and PNG files of many sizes, qualities and modes, one of them turned by EXIF, and
beside it NAME.out: the RGB pixels of Pillow's bicubic resize of the shorter side and crop around the centre."""
import pathlib
import sys

from oracle import require

numpy, Image, ImageOps, transforms = require("numpy", "PIL.Image", "PIL.ImageOps", "torchvision.transforms")

folder, size = pathlib.Path(sys.argv[1]), int(sys.argv[2])
(folder / "data" / "a").mkdir(parents=True)
random = numpy.random.default_rng(3)
fit = transforms.Compose([transforms.Resize(size, transforms.InterpolationMode.BICUBIC), transforms.CenterCrop(size)])
for i in range(60):
    height, width = (int(n) for n in random.integers(9, 300, 2))
    grey = i % 7 == 0
    coarse = random.integers(0, 256, (height // 8 + 2, width // 8 + 2, 3), dtype=numpy.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.BICUBIC)
    image = image.convert("L") if grey else image
    path = folder / "data" / "a" / f"{i:02}.{'png' if i % 3 == 0 else 'jpg'}"
    if path.suffix == ".png":
        image.save(path)
    elif i == 1:
        exif = Image.Exif()
        exif[0x0112] = 6
        image.save(path, quality=90, exif=exif.tobytes())
    else:
        image.save(path, quality=int(random.integers(30, 100)), subsampling=-1 if grey else i % 3, progressive=i % 4 == 0)
    result = fit(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
    (folder / f"{path.name}.out").write_bytes(numpy.asarray(result).tobytes())
