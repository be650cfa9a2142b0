"""Writes a constant image, one of 12 bits in 16 and one of all 16 bits into a folder."""
import sys
from oracle import require

numpy, Image = require("numpy", "PIL.Image")

folder = sys.argv[1]
Image.new("RGB", (8, 8), (9, 8, 7)).save(f"{folder}/constant.png")
values = numpy.arange(64, dtype=numpy.uint16).reshape(8, 8)
Image.fromarray(values * 65).save(f"{folder}/twelve.png")
Image.fromarray(values * 1040).save(f"{folder}/sixteen.png")
