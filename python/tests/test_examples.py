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
