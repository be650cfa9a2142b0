"""make_images.py FOLDER: image files of many kinds, and beside each (NAME.rgb) the RGB pixels that Pillow sees in it."""
import pathlib
import struct
import sys
import zlib

from oracle import require

numpy, Image, ImageOps = require("numpy", "PIL.Image", "PIL.ImageOps")

folder = pathlib.Path(sys.argv[1])
random = numpy.random.default_rng(7)


def smooth(height, width, channels=3):
    coarse = random.integers(0, 256, (height // 8 + 2, width // 8 + 2, channels), dtype=numpy.uint8)
    planes = [Image.fromarray(coarse[:, :, c]).resize((width, height), Image.BICUBIC) for c in range(channels)]
    return numpy.dstack([numpy.asarray(plane) for plane in planes])


def expect(name, pixels):
    (folder / (name + ".rgb")).write_bytes(struct.pack("<ii", pixels.shape[1], pixels.shape[0]) + numpy.ascontiguousarray(pixels).tobytes())


def save(name, image, **options):
    image.save(folder / name, **options)
    with Image.open(folder / name) as saved:
        expect(name, numpy.asarray(ImageOps.exif_transpose(saved).convert("RGB")))


def write_png(name, array, bits, colour_type):
    """A PNG of 8 or 16 bits a sample, which Pillow cannot write in every combination."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    height, width = array.shape[:2]
    rows = array.astype(">u2" if bits == 16 else "u1")
    raw = b"".join(b"\0" + rows[y].tobytes() for y in range(height))
    (folder / name).write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))


def grey_to_rgb(grey):
    return numpy.repeat(grey[:, :, None], 3, 2)


def over(colour, alpha, background):
    blended = colour.astype(float) * alpha[:, :, None] / 255 + background * (1 - alpha[:, :, None] / 255.0)
    return numpy.rint(blended).astype(numpy.uint8)


rgb = Image.fromarray(smooth(37, 53))
grey = rgb.convert("L")
save("rgb.png", rgb)
save("interlaced.png", rgb)
save("grey.png", grey)
save("palette.png", rgb.quantize(50))
save("bilevel.png", rgb.convert("1"))
save("rgb.jpg", rgb, quality=90)
save("rgb444.jpg", rgb, quality=95, subsampling=0)
save("progressive.jpeg", rgb, quality=90, progressive=True)
save("grey.jpg", grey, quality=90)
save("cmyk.jpg", rgb.convert("CMYK"), quality=90)
save("lossless.webp", rgb, lossless=True)
save("rgb.tif", rgb, compression="tiff_lzw")
save("grey.tiff", grey)
save("rgb.bmp", rgb)
save("grey.bmp", grey)
save("palette.bmp", rgb.quantize(200))
save("sixteen.bmp", rgb.quantize(16).convert("P"))
save("bilevel.bmp", rgb.convert("1"))
save("rgba.bmp", rgb.convert("RGBA"))
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(f"exif{orientation}.jpg", rgb, quality=95, exif=exif)

wide = (smooth(21, 30).astype(numpy.uint16) << 8) | random.integers(0, 256, (21, 30, 3), dtype=numpy.uint16)
write_png("rgb16.png", wide, 16, 2)
expect("rgb16.png", (wide >> 8).astype(numpy.uint8))
write_png("grey16.png", wide[:, :, 0], 16, 0)
expect("grey16.png", grey_to_rgb((wide[:, :, 0] >> 8).astype(numpy.uint8)))

colour, alpha = smooth(21, 30), smooth(21, 30, 1)[:, :, 0]
write_png("rgba.png", numpy.dstack([colour, alpha]), 8, 6)
expect("rgba.png", over(colour, alpha, 255))
expect("rgba.png.black", over(colour, alpha, 0))
write_png("greyalpha.png", numpy.dstack([colour[:, :, 0], alpha]), 8, 4)
expect("greyalpha.png", over(grey_to_rgb(colour[:, :, 0]), alpha, 255))

# A 24-bit bitmap stored from the top, and a 16-bit one with masks of 5, 6 and 5 bits.
top = smooth(5, 7)
rows = b"".join(top[y, :, ::-1].tobytes() + b"\0" * (-21 % 4) for y in range(5))
header = struct.pack("<IiiHHIIiiII", 40, 7, -5, 1, 24, 0, len(rows), 0, 0, 0, 0)
(folder / "topdown.bmp").write_bytes(struct.pack("<2sIHHI", b"BM", 54 + len(rows), 0, 0, 54) + header + rows)
expect("topdown.bmp", top)
levels = top.astype(numpy.uint16)
packed = (levels[:, :, 0] >> 3) << 11 | (levels[:, :, 1] >> 2) << 5 | levels[:, :, 2] >> 3
rows = b"".join(packed[y].astype("<u2").tobytes() + b"\0" * (-14 % 4) for y in reversed(range(5)))
header = struct.pack("<IiiHHIIiiII", 40, 7, 5, 1, 16, 3, len(rows), 0, 0, 0, 0) + struct.pack("<III", 0xF800, 0x07E0, 0x001F)
(folder / "masks.bmp").write_bytes(struct.pack("<2sIHHI", b"BM", 66 + len(rows), 0, 0, 66) + header + rows)
expect("masks.bmp", numpy.dstack([(levels[:, :, 0] >> 3) * 255 // 31, (levels[:, :, 1] >> 2) * 255 // 63, (levels[:, :, 2] >> 3) * 255 // 31]).astype(numpy.uint8))

rgb.save(folder / "picture.gif")
Image.fromarray(smooth(5, 6)[:, :, 0].astype(numpy.float32)).save(folder / "float.tif")
