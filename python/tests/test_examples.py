"""The README's lines, the notebook and the examples run as they stand; what the program writes is what Python writes."""
import contextlib
import io
import json
import os
import pathlib
import re
import runpy
import subprocess
import tempfile
import unittest
from unittest import mock

import numpy as np
from PIL import Image

import ddoq

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "src" / "Ddoq.Cli" / "bin" / "Release" / "net10.0" / "ddoq"


@contextlib.contextmanager
def inside(folder):
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def run(source, name):
    """Executes source in one namespace; gives what it printed and the namespace."""
    printed, names = io.StringIO(), {"__name__": name}
    with contextlib.redirect_stdout(printed):
        for part in source:
            exec(compile(part, name, "exec"), names)
    return printed.getvalue(), names


def image_folder(folder):
    """The rows of load_dataset("imagefolder", data_dir=folder), by that loader's rules, which are asserted: its package is not at hand.

    Where a metadata file lies beside the images, its rows are the data set's, in their order, and folders give no labels; file_name,
    relative to it, becomes the column image; so does what ends in _file_name. Columns get their types from the lines.
    """
    below = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    assert [path for path in below if path.name.startswith("metadata.")] == [pathlib.Path("metadata.jsonl")], "one metadata file, at the top"
    rows = [json.loads(line) for line in (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()]
    kinds = {key: {float if kind is int else kind for kind in (type(row[key]) for row in rows)} for key in rows[0]}
    assert all(row.keys() == rows[0].keys() for row in rows), "every line has the same columns"
    assert all(len(kind) == 1 and kind <= {str, float, bool} for kind in kinds.values()), f"one plain type a column: {kinds}"
    assert [key for key in kinds if key in ("image", "images", "file_names") or key.endswith(("_file_name", "_file_names"))] == [], "no second column of images"
    names = [row.pop("file_name") for row in rows]
    assert all(os.path.normpath(name) == name and not os.path.isabs(name) and "\\" not in name and not name.startswith("..") for name in names)
    assert sorted(map(pathlib.Path, names)) == sorted(path for path in below if path.suffix == ".png"), "every image has its line, every line its image"
    return [{"image": Image.open(folder / name), **row} for name, row in zip(names, rows)]


class ReadmeTests(unittest.TestCase):
    def test_its_lines_run(self):
        blocks = re.findall(r"```python\n(.*?)```", (ROOT / "python" / "README.md").read_text(encoding="utf-8"), re.DOTALL)
        printed, names = run(blocks[:2], "README.md")
        numbers = printed.split()
        self.assertAlmostEqual(float(numbers[1]), 1, places=6)
        self.assertAlmostEqual(float(numbers[2]) ** 2, names["result"].distortion, places=2)
        np.testing.assert_array_equal(names["labels"], names["result"].labels)


@unittest.skipUnless(PROGRAM.is_file(), "the program is not built: dotnet build src/Ddoq.Cli -c Release")
class ProgramTests(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self._folder.name)

    def tearDown(self):
        self._folder.cleanup()

    def test_the_notebook_runs(self):
        cells = json.loads((ROOT / "examples" / "python" / "coreset.ipynb").read_text(encoding="utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        self.assertLessEqual(next(len(part.splitlines()) for part in code if "optimizer.step()" in part), 15)
        environment = {"PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}", "DDOQ_SAMPLE": str(ROOT / "samples" / "fashion-mnist")}
        with inside(self.folder), mock.patch.dict(os.environ, environment):
            printed, names = run(code, "coreset.ipynb")
        self.assertGreater(names["accuracy"], 0.6, printed)
        energies = [float(one) for one in re.findall(r"energy distance ([\d.]+)", printed)]
        self.assertLess(energies[0], energies[1], printed)
        script = runpy.run_path(str(ROOT / "examples" / "python" / "train_student.py"))
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertGreater(script["main"](self.folder / "coreset", updates=40), 0.5)

    def test_a_set_of_the_program_is_an_image_folder(self):
        subprocess.run([PROGRAM, "select", "--data-dir", ROOT / "samples" / "fashion-mnist", "--objective", "medoids", "--ipc", "3", "-o", self.folder / "set", "--quiet"], check=True, capture_output=True)
        data, ours = image_folder(self.folder / "set" / "train"), ddoq.DistilledDataset(self.folder / "set")
        self.assertEqual([row["label"] for row in data], ours.labels.tolist())
        np.testing.assert_array_equal(np.float32([row["weight"] for row in data]), ours.weights)
        for row, sample in zip(data, ours):
            np.testing.assert_array_equal(np.asarray(row["image"], dtype=np.float32) / 255, sample.image[0])

    def test_the_program_gives_the_same_bytes(self):
        draw = np.random.default_rng(7)
        ddoq.write_latent_store(self.folder / "store", draw.normal(size=(300, 2, 4, 4)).astype(np.float16), draw.integers(0, 3, 300), ["a", "b", "c"])
        for algorithm in ddoq.ALGORITHMS:
            with self.subTest(algorithm=algorithm):
                output = self.folder / algorithm
                subprocess.run(
                    [PROGRAM, "quantize", "--latents", self.folder / "store", "--ipc", "6", "--seed", "5", "--algorithm", algorithm, "-o", output, "--quiet"],
                    check=True, capture_output=True, env={**os.environ, "DDOQ_SIMD": ddoq.instruction_set()})
                theirs = ddoq.Prototypes.load(output / "prototypes.safetensors")
                ours = ddoq.quantize_store(self.folder / "store", self.folder / f"{algorithm}.safetensors", 6, seed=5, algorithm=algorithm)
                for name in ("centroids", "counts", "weights", "distortion"):
                    self.assertEqual(getattr(theirs, name).tobytes(), getattr(ours, name).tobytes(), name)


if __name__ == "__main__":
    unittest.main()
