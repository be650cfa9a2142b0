"""image_folder.py FOLDER: torchvision's ImageFolder: the classes, then label, path and SHA-256 of RGB pixels of each image."""
import hashlib
import os
import sys

from oracle import require

datasets = require("torchvision.datasets")

folder = datasets.ImageFolder(sys.argv[1])
print("\t".join(folder.classes))
for path, label in folder.samples:
    pixels = folder.loader(path).tobytes()
    print(label, os.path.relpath(path, sys.argv[1]), hashlib.sha256(pixels).hexdigest(), sep="\t")
