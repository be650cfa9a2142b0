"""Latent stores and prototypes: the folders between the program's stages."""
from __future__ import annotations

import ctypes
import dataclasses
import json
import os
import pathlib
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional, Union

import numpy as np
import numpy.typing as npt

from ._library import check, library
from ._quantization import CallbackWatch, _quantizer

PathLike = Union[str, "os.PathLike[str]"]
_INDEX = "latents.safetensors.index.json"
_TYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8"}
_ALIGNMENT = 64


class LatentStore:
    """A latent store, mapped into memory: rows are read when they are used.

    path
        The store's folder, or one safetensors file with ``latents`` [n, c, h, w] and ``labels`` [n].

    Raises ValueError for files that are no store, or contradict each other. BF16 shards need the package ml_dtypes.
    """

    def __init__(self, path: PathLike) -> None:
        self.path = pathlib.Path(path)
        if self.path.is_dir():
            index = self.path / _INDEX
            if index.is_file():
                shards = [self.path / shard["file"] for shard in json.loads(index.read_text(encoding="utf-8"))["shards"]]
            elif (self.path / "latents.safetensors").is_file():
                shards = [self.path / "latents.safetensors"]
            else:
                raise ValueError(f"'{path}' holds neither {_INDEX} nor latents.safetensors")
        else:
            shards = [self.path]
        self._latents, labels = [], []
        self.metadata: dict[str, str] = {}
        for shard in shards:
            tensors, metadata = read_safetensors(shard)
            if "latents" not in tensors or tensors["latents"].ndim != 4:
                raise ValueError(f"'{shard}' has no tensor latents of four axes, [n, c, h, w]")
            if "labels" not in tensors or tensors["labels"].shape != tensors["latents"].shape[:1]:
                raise ValueError(f"'{shard}' has no tensor labels with one value per latent")
            self._latents.append(tensors["latents"])
            labels.append(tensors["labels"])
            self.metadata = self.metadata or metadata
        if len({latents.shape[1:] for latents in self._latents}) > 1:
            raise ValueError(f"the shards of '{path}' differ in the shape of a latent")
        self.labels: npt.NDArray[np.int64] = np.concatenate(labels).astype(np.int64) if labels else np.empty(0, np.int64)
        names = self.metadata.get("class_names")
        highest = int(self.labels.max(initial=-1)) + 1
        width = len(str(max(highest - 1, 0)))
        self.class_names: list[str] = json.loads(names) if names else [f"{c:0{width}d}" for c in range(highest)]
        if highest > len(self.class_names) or int(self.labels.min(initial=0)) < 0:
            raise ValueError(f"a label of '{path}' is not below {len(self.class_names)}, the number of classes")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(c, h, w) of one latent."""
        return self._latents[0].shape[1:]

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, class_index: int) -> npt.NDArray[Any]:
        """The (N, D) rows of one class in the order of the store; a view of the file where the class is in one piece."""
        pieces, first = [], 0
        for latents in self._latents:
            mine = np.flatnonzero(self.labels[first:first + len(latents)] == class_index)
            first += len(latents)
            if len(mine) == 0:
                continue
            one_run = mine[-1] - mine[0] + 1 == len(mine)
            part = latents[mine[0]:mine[-1] + 1] if one_run else latents[mine]
            pieces.append(part.reshape(len(part), -1))
        if not pieces:
            return np.empty((0, int(np.prod(self.shape))), self._latents[0].dtype)
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def write_latent_store(
    folder: PathLike,
    latents: npt.ArrayLike,
    labels: npt.ArrayLike,
    class_names: Sequence[str],
    *,
    rows_per_shard: int = 65536,
    metadata: Optional[Mapping[str, str]] = None,
) -> None:
    """Writes a latent store that ``ddoq quantize`` takes.

    latents
        (n, c, h, w) finite values; float16 and float32 are kept, others become float32.
    labels
        (n,) whole numbers below the number of classes.
    metadata
        For example ``encoder_sha256``, ``scaling_factor``, ``image_size``.

    The index is written last: a folder without it is no store. Raises ValueError for arrays that do not fit each other.
    """
    rows = np.ascontiguousarray(latents)
    if rows.dtype not in (np.float16, np.float32):
        rows = rows.astype(np.float32)
    given = np.ascontiguousarray(labels, dtype=np.int32)
    if rows.ndim != 4 or given.shape != rows.shape[:1]:
        raise ValueError(f"latents {rows.shape} and labels {given.shape}: (n, c, h, w) and (n,) are needed")
    if len(given) == 0 or given.min() < 0 or given.max() >= len(class_names):
        raise ValueError(f"labels are not 0 to {len(class_names) - 1}")
    if len(set(class_names)) != len(class_names):
        raise ValueError("two classes bear the same name")
    if rows_per_shard < 1:
        raise ValueError(f"rows_per_shard is {rows_per_shard}, allowed are 1 and more")
    if not np.isfinite(rows).all():
        raise ValueError(f"latent {int(np.flatnonzero(~np.isfinite(rows).all(axis=(1, 2, 3)))[0])} has a value that is not finite")
    target = pathlib.Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    if (target / _INDEX).exists():
        raise ValueError(f"'{target}' holds a store already")
    starts = range(0, len(rows), rows_per_shard)
    shards = []
    for number, start in enumerate(starts, 1):
        part = rows[start:start + rows_per_shard]
        name = f"latents-{number:05d}-of-{len(starts):05d}.safetensors"
        write_safetensors(
            target / name,
            {"latents": part, "labels": given[start:start + rows_per_shard]},
            {"class_names": json.dumps(list(class_names)), "ddoq_format": "latents/1", "first_row": str(start),
             "total_rows": str(len(rows)), **(metadata or {})})
        shards.append({"file": name, "rows": len(part)})
    index = {"metadata": {"total_rows": len(rows)}, "weight_map": {
        f"{tensor}.{number:05d}": shard["file"] for number, shard in enumerate(shards, 1) for tensor in ("labels", "latents")},
        "shards": shards}
    _write_whole(target / _INDEX, [json.dumps(index, indent=2).encode()])


@dataclasses.dataclass(frozen=True)
class Prototypes:
    """The centres of every class, as ``ddoq quantize`` writes them."""

    centroids: npt.NDArray[np.float32]
    """(C, K, c, h, w)."""
    counts: npt.NDArray[np.int64]
    """(C, K) rows in each cell; 0 behind the centres of a class that has fewer."""
    weights: npt.NDArray[np.float32]
    """(C, K) shares, summing to 1 a class."""
    distortion: npt.NDArray[np.float64]
    """(C,)."""
    class_names: list[str]
    metadata: dict[str, str]

    @classmethod
    def load(cls, path: PathLike) -> "Prototypes":
        """Maps ``prototypes.safetensors``."""
        tensors, metadata = read_safetensors(path)
        missing = {"centroids", "counts", "weights", "distortion"} - set(tensors)
        if missing:
            raise ValueError(f"'{path}' has no tensor {', '.join(sorted(missing))}: it holds no prototypes")
        names = json.loads(metadata["class_names"]) if "class_names" in metadata else [str(c) for c in range(len(tensors["distortion"]))]
        return cls(tensors["centroids"], tensors["counts"], tensors["weights"], tensors["distortion"], names, metadata)


def write_prototypes(
    path: PathLike,
    centroids: npt.ArrayLike,
    counts: npt.ArrayLike,
    distortion: npt.ArrayLike,
    class_names: Sequence[str],
    *,
    metadata: Optional[Mapping[str, str]] = None,
) -> None:
    """Writes prototypes of another quantiser, for ``ddoq synthesize``.

    centroids (C, K, c, h, w), counts (C, K), distortion (C,). The weights are the shares of the counts. ``metadata`` should
    carry ``encoder_sha256`` and ``scaling_factor`` of the latents' store, so that a wrong decoder is refused.
    """
    centres = np.ascontiguousarray(centroids, dtype=np.float32)
    cells = np.ascontiguousarray(counts, dtype=np.int64)
    values = np.ascontiguousarray(distortion, dtype=np.float64)
    if centres.ndim != 5 or cells.shape != centres.shape[:2] or values.shape != centres.shape[:1] or len(class_names) != len(values):
        raise ValueError(f"centroids {centres.shape}, counts {cells.shape}, distortion {values.shape} and {len(class_names)} names do not fit")
    if not np.isfinite(centres).all() or (cells < 0).any():
        raise ValueError("centroids are not finite, or a count is negative")
    totals = cells.sum(axis=1, keepdims=True)
    weights = np.divide(cells, totals, out=np.zeros(cells.shape), where=totals > 0).astype(np.float32)
    write_safetensors(
        path,
        {"distortion": values, "counts": cells, "centroids": centres, "weights": weights},
        {"algorithm": "other", **(metadata or {}), "class_names": json.dumps(list(class_names)), "ddoq_format": "prototypes/1",
         "centers_per_class": str(centres.shape[1])})


def quantize_store(
    store: PathLike,
    output: PathLike,
    n_clusters: int,
    *,
    n_jobs: Optional[int] = None,
    progress: Optional[Callable[[int, int], object]] = None,
    **options: Any,
) -> Prototypes:
    """Quantises every class of a store into a prototypes file, with the memory of the largest classes in work.

    output
        The file, whose folder must exist; it appears when all classes are done. Options are those of :func:`ddoq.fit`.
    """
    opened = ctypes.c_void_p()
    check(library().ddoq_store_open(os.fsencode(store), ctypes.byref(opened)))
    watch = CallbackWatch(progress)
    try:
        with _quantizer(n_clusters, {"n_jobs": n_jobs, **options}) as handle:
            watch.check(library().ddoq_quantizer_fit_store(handle, opened, os.fsencode(output), watch.callback, None), check)
    finally:
        library().ddoq_store_close(opened)
    return Prototypes.load(output)


def read_safetensors(path: PathLike) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
    """The tensors of a file, mapped, and its metadata."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        length = struct.unpack("<Q", file.read(8))[0] if size >= 8 else size
        if length > size - 8:
            raise ValueError(f"'{path}' is no safetensors file, or was cut off")
        header = json.loads(file.read(length))
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        kind = _dtype(entry["dtype"], path)
        shape = tuple(entry["shape"])
        if 8 + length + last > size or last - first != int(np.prod(shape, dtype=np.int64)) * kind.itemsize:
            raise ValueError(f"'{path}': tensor {name} does not lie within the file: it was cut off or damaged")
        offset = 8 + length + first
        tensors[name] = np.memmap(path, kind, "r", offset, shape) if last > first else np.empty(shape, kind)
    return tensors, metadata


def write_safetensors(path: PathLike, tensors: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, str]) -> None:
    """Writes tensors in the given order, the first at a multiple of 64 bytes; the file appears when it is whole."""
    kinds = {np.dtype(numpy): name for name, numpy in _TYPES.items()}
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    offset = 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": kinds[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, offset + tensor.nbytes]}
        offset += tensor.nbytes
    text = json.dumps(header, ensure_ascii=False).encode()
    text += b" " * (-(8 + len(text)) % _ALIGNMENT)
    _write_whole(pathlib.Path(path), [struct.pack("<Q", len(text)), text, *(tensor.tobytes() for tensor in tensors.values())])


def _write_whole(path: pathlib.Path, parts: Sequence[bytes]) -> None:
    """Writes aside, flushes, renames."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with open(aside, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def _dtype(name: str, path: PathLike) -> np.dtype[Any]:
    if name == "BF16":
        try:
            from ml_dtypes import bfloat16
        except ImportError:
            raise ValueError(f"'{path}' holds BF16 values: install ml_dtypes to read them") from None
        return np.dtype(bfloat16)
    if name not in _TYPES:
        raise ValueError(f"'{path}': type {name}, allowed are BF16, {', '.join(_TYPES)}")
    return np.dtype(_TYPES[name])
