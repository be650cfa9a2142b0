"""read_png.py FILE...: mode, width, height and SHA-256 of the pixels of each file as Pillow reads it."""
import hashlib
import sys

from oracle import require

Image = require("PIL.Image")

for path in sys.argv[1:]:
    with Image.open(path) as image:
        print(image.format, image.mode, image.width, image.height, hashlib.sha256(image.tobytes()).hexdigest())
