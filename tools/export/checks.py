"""What the exporters share: writing one network to ONNX and comparing it with the network it came from."""

import inspect
import json
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch

OPSET = 16
LARGEST_SINGLE_FILE = 1 << 30  # bytes of weights above which they go to model.onnx_data; the format ends at 2 GB


class ExportError(SystemExit):
    """An export that must not be used; printed as the project's program prints errors."""

    def __init__(self, message, hint):
        super().__init__(f"error: {message}\nhint: {hint}")


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_synsets(path):
    """Lines 'n01440764 tench, Tinca tinca' in the order of the labels -> (WordNet numbers, words)."""
    pairs = [line.split(maxsplit=1) for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
    return [pair[0] for pair in pairs], [pair[1].strip() if len(pair) > 1 else pair[0] for pair in pairs]


def export(module, inputs, names, output, folder, axes):
    """Traces a network and writes folder/model.onnx, with the weights in model.onnx_data where they are large."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("model.onnx*"):
        stale.unlink()
    tracing = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    with tempfile.TemporaryDirectory(dir=folder) as scratch, warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        traced = Path(scratch) / "model.onnx"
        torch.onnx.export(module, inputs, str(traced), opset_version=OPSET, do_constant_folding=True,
                          input_names=names, output_names=[output], dynamic_axes=axes, **tracing)
        model = onnx.load(str(traced))
        size = sum(tensor.numel() * tensor.element_size() for tensor in module.state_dict().values())
        external = {"save_as_external_data": True, "location": "model.onnx_data"} if size > LARGEST_SINGLE_FILE else {}
        onnx.save_model(model, str(folder / "model.onnx"), **external)
    onnx.checker.check_model(str(folder / "model.onnx"))
    return folder / "model.onnx"


def compare(path, inputs, expected, tolerance, vectors=None):
    """Runs an exported network and holds it against the source's output.

    inputs: dictionary of tensors; expected: tensor. The allowed difference is tolerance times the largest expected value
    (at least 1). vectors: folder that receives the tensors as raw little-endian files, for a check with another runtime.
    """
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in inputs.items()}
    wanted = expected.detach().float().cpu().numpy()
    if vectors is not None:
        vectors = Path(vectors) / path.parent.name
        vectors.mkdir(parents=True, exist_ok=True)
        for name, array in [*arrays.items(), ("expected", wanted)]:
            np.ascontiguousarray(array).tofile(vectors / f"{name}.bin")
    try:
        import onnxruntime
    except ImportError:
        place = f"; its inputs and outputs are in {vectors}" if vectors else ""
        print(f"{path}: written, not compared with its source: the package onnxruntime is not installed{place}. Its shapes are checked by: ddoq doctor --model {path.parent.parent}; install onnxruntime and export again to compare", flush=True)
        return
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    types = {"tensor(float16)": np.float16, "tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int32)": np.int32}
    feeds = {item.name: arrays[item.name].astype(types[item.type]) for item in session.get_inputs()}
    found = session.run(None, feeds)[0].astype(np.float32)
    if found.shape != wanted.shape:
        raise ExportError(f"{path} gives {found.shape}, the source gives {wanted.shape}", "export again with other versions of torch and onnx")
    allowed, difference = tolerance * max(1.0, float(np.abs(wanted).max())), float(np.abs(found - wanted).max())
    if not difference <= allowed:
        raise ExportError(f"{path} differs from its source by {difference:.3g}; allowed is {allowed:.3g}",
                          "do not use this export; try other versions of torch and onnx, or float32")
    print(f"{path}: differs from its source by at most {difference:.2g} (allowed {allowed:.2g})", flush=True)


def verify(module, inputs, names, path, tolerance, vectors=None):
    """compare() with the output of the module itself."""
    with torch.no_grad():
        expected = module(*inputs)
    compare(path, dict(zip(names, inputs)), expected, tolerance, vectors)
