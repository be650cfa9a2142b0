"""make_imagenet.py FOLDER COMPRESS: files of ImageNet's development kit as MATLAB and scipy write them, and archives as tar does.

FOLDER/data/meta.mat and ILSVRC2012_validation_ground_truth.txt; FOLDER/train/*.tar in several formats from the files in
FOLDER/images/<class>/, and FOLDER/members.txt with archive, member, offset and length of each."""
import pathlib
import sys
import tarfile

from oracle import require

numpy, io = require("numpy", "scipy.io")

folder, compress = pathlib.Path(sys.argv[1]), sys.argv[2] == "1"

# The structure of the real table: leaves are numbered first, inner synsets behind them. MATLAB stores a double in the smallest
# type that holds it, so several types stand for the numbers here.
FIELDS = ["ILSVRC2012_ID", "WNID", "words", "gloss", "num_children", "children", "wordnet_height", "num_train_images"]
SYNSETS = [
    (1, "n02119789", "kit fox, Vulpes macrotis", "small grey fox of south-western United States; may be a subspecies of Vulpes velox", 0, [], 0, 200),
    (2, "n02100735", "English setter", "an English breed having a plumed tail and a soft silky coat that is chiefly white", 0, [], 0, 1300),
    (3, "n01440764", "tench, Tinca tinca", "freshwater dace-like game fish of Europe and western Asia", 0, [], 0, 1300),
    (1001, "n00001740", "entity", "that which is perceived or known or inferred to have its own distinct existence", 3, [1, 2, 3], 19, 0),
]
TYPES = [numpy.uint8, numpy.int16, numpy.float64, numpy.uint16]
table = numpy.zeros((len(SYNSETS), 1), dtype=[(name, object) for name in FIELDS])
for row, values in enumerate(SYNSETS):
    for name, value in zip(FIELDS, values):
        table[name][row, 0] = numpy.array([value], dtype=numpy.float64) if name == "children" and value else \
            numpy.zeros((0, 0)) if name == "children" else value if isinstance(value, str) else numpy.array([[value]], dtype=TYPES[row])
(folder / "data").mkdir(exist_ok=True)
io.savemat(folder / "data" / "meta.mat", {"other": numpy.arange(5), "synsets": table}, do_compression=compress)
(folder / "data" / "ILSVRC2012_validation_ground_truth.txt").write_text("3\n1\n2\n1\n3\n")

formats = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
(folder / "train").mkdir(exist_ok=True)
with open(folder / "members.txt", "w") as members:
    for number, source in enumerate(sorted((folder / "images").iterdir())):
        archive = folder / "train" / (source.name + ".tar")
        with tarfile.open(archive, "w", format=formats[number % 3]) as tar:
            for file in sorted(source.iterdir()):
                # Names too long for a plain header, folders in names, and a prefix as `tar -C folder .` gives.
                prefix = ["", "a folder with a long name/" * 6, "./"][number % 3]
                tar.add(file, prefix + file.name)
        with tarfile.open(archive) as tar:
            for member in tar.getmembers():
                print(archive.name, member.name, member.offset_data, member.size, sep="\t", file=members)
