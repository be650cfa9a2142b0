"""Quantisation of rows in memory: one class, many classes, assignment to given centres."""
from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from ._library import PROGRESS_CALLBACK, DdoqError, Progress, QuantizationInfo, QuantizerOptions, check, check_arrays, library

ALGORITHMS: Mapping[str, int] = {"d4m": 0, "clvq": 1, "minibatch": 2, "lloyd": 3, "hartigan": 4, "support": 5}
"""Names of the algorithms; ``hartigan`` is the default, ``support`` gives points of equal weight with the least energy distance."""

_INITIALIZATIONS = {"k-means++": 0, "random": 1}
_SPACES = {"auto": 0, "gram": 1, "direct": 2}
_DEVICES = {"cpu": 0, "cuda": 1, "auto": 2}
_WEIGHT_RULES = {"none": 0, "sqrt": 1, "direct": 2, "inverse": 3}
_FP16, _BF16, _FP32 = 0, 1, 2
_CANCELLED = 7


@dataclasses.dataclass(frozen=True)
class Quantization:
    """The quantisation of one class."""

    centroids: npt.NDArray[np.float32]
    """(K, D) centres."""
    counts: npt.NDArray[np.int64]
    """(K,) rows in each cell."""
    labels: npt.NDArray[np.int32]
    """(N,) the nearest centre of each row, the lowest index among equals; -1 for rows held out."""
    distortion: float
    """Mean squared distance of the rows of the fit to their nearest centre; weighted where the rows have weights."""
    held_out_distortion: float
    """Of the rows that were held out; NaN without any."""
    energy_distance: float
    """Energy distance of the rows of the fit and the centres at equal weights; NaN where the iterations do not give it."""
    iterations: int
    """Lloyd's iterations and Hartigan's rounds, or batches, or steps."""

    @property
    def masses(self) -> npt.NDArray[np.float64]:
        """(K,) share of the rows in each cell; sums to 1."""
        total = self.counts.sum()
        return self.counts / total if total else self.counts.astype(np.float64)

    def weights(self, rule: str = "sqrt") -> npt.NDArray[np.float32]:
        """(K,) training weights by a rule of :func:`prototype_weights`."""
        return prototype_weights(self.counts, rule)


def fit(
    rows: npt.ArrayLike, n_clusters: int, *, sample_weight: Optional[npt.ArrayLike] = None, class_index: int = 0, **options: Any
) -> Quantization:
    """Quantises the rows of one class on the calling thread; other Python threads run meanwhile.

    rows
        (N, D) float16, bfloat16 (ml_dtypes), float32 in C order are read in place, memory-mapped ones too; float64 and
        whole numbers are rounded to float32. Values must be finite and at most 1e14 in size.
    sample_weight
        (N,) finite weights, 0 or more; None when all rows weigh the same.
    class_index
        Names the random streams: the number of the class in its data set.
    options
        ``algorithm`` (a name of :data:`ALGORITHMS`), ``init`` (``k-means++``, ``random``), ``n_init`` starts (4, of ``d4m`` 1),
        ``max_iter``, ``tol``, ``seed``, ``space`` (``auto``, ``gram``, ``direct``), ``device`` (``cpu``, ``cuda``, ``auto``),
        ``hold_out`` (fraction kept out of the fit), ``memory_limit`` in bytes.

    Raises ValueError for arrays and options that cannot be used, TypeError for other kinds of values.
    """
    array, kind = as_rows(rows)
    if not len(array):
        raise ValueError(f"rows: 0 rows (shape={array.shape}), while a minimum of 1 is required")
    weights = as_weights(sample_weight, len(array))
    with _quantizer(n_clusters, options) as handle:
        result = ctypes.c_void_p()
        check_arrays(library().ddoq_quantizer_fit_weighted(
            handle, array.ctypes.data, kind, array.shape[0], array.shape[1], class_index,
            None if weights is None else weights.ctypes.data, ctypes.byref(result)))
        return _take(result)


def fit_many(
    classes: Sequence[npt.ArrayLike],
    n_clusters: int,
    *,
    n_jobs: Optional[int] = None,
    progress: Optional[Callable[[int, int], object]] = None,
    **options: Any,
) -> list[Quantization]:
    """Quantises many classes, ``n_jobs`` at a time (None: one per processor), to the same bits for any number.

    classes
        One (N_c, D) array a class, all of one type and D; see :func:`fit`.
    progress
        Called with the number of finished classes and of all, from another thread; an exception in it stops the fit and
        is raised here.
    """
    arrays = [as_rows(rows, name=f"class {c}") for c, rows in enumerate(classes)]
    if not arrays:
        return []
    kinds = {(kind, array.shape[1]) for array, kind in arrays}
    if len(kinds) > 1:
        raise ValueError("the classes differ in type or in the number of columns; allowed are arrays of one type and one D")
    (kind, dimension), = kinds
    count = len(arrays)
    pointers = (ctypes.c_void_p * count)(*(array.ctypes.data for array, _ in arrays))
    lengths = (ctypes.c_int64 * count)(*(len(array) for array, _ in arrays))
    results = (ctypes.c_void_p * count)()
    watch = CallbackWatch(progress)
    with _quantizer(n_clusters, {"n_jobs": n_jobs, **options}) as handle:
        watch.check(library().ddoq_quantizer_fit_classes(
            handle, pointers, lengths, count, kind, dimension, results, watch.callback, None), check_arrays)
        return [_take(ctypes.c_void_p(result)) for result in results]


def predict(centroids: npt.ArrayLike, rows: npt.ArrayLike) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """The nearest centre of each row, the lowest index among equals, and the squared distance to it: (M,), (M,).

    centroids
        (K, D), taken as float32.
    rows
        (M, D), see :func:`fit`.
    """
    array, kind = as_rows(rows)
    centres, _ = as_rows(np.asarray(centroids, dtype=np.float32), name="centroids")
    if centres.shape[1] != array.shape[1]:
        raise ValueError(f"centroids have {centres.shape[1]} columns, rows {array.shape[1]}")
    labels = np.empty(len(array), dtype=np.int32)
    distances = np.empty(len(array), dtype=np.float64)
    check_arrays(library().ddoq_predict(
        centres.ctypes.data, len(centres), centres.shape[1], array.ctypes.data, kind, len(array),
        labels.ctypes.data, distances.ctypes.data))
    return labels, distances


def prototype_weights(counts: npt.ArrayLike, rule: str = "sqrt") -> npt.NDArray[np.float32]:
    """Training weights of K prototypes from the rows in their cells (Tan and Slade, equation 34 and algorithm 1).

    ``sqrt``: sqrt(K v_k / sum v), whose squares sum to K. ``direct``: v_k / sum v. ``none``: 1. ``inverse``: proportional to
    1 / v_k, a control.
    """
    array = np.asarray(counts)
    if array.ndim != 1:
        raise ValueError(f"counts have {array.ndim} axes, allowed is 1")
    if array.size and (array.dtype.kind not in "iub" or array.dtype == np.uint64):
        raise TypeError(f"counts: values of type {array.dtype}, allowed are whole numbers below 2**63")
    given = np.ascontiguousarray(array, dtype=np.int64)
    weights = np.empty(len(given), dtype=np.float32)
    check_arrays(library().ddoq_weights(
        choice("rule", rule, _WEIGHT_RULES), given.ctypes.data_as(ctypes.POINTER(ctypes.c_int64)), len(given),
        weights.ctypes.data_as(ctypes.POINTER(ctypes.c_float))))
    return weights


def as_rows(values: npt.ArrayLike, name: str = "rows") -> tuple[npt.NDArray[Any], int]:
    """An (N, D) array in C order of a type that the engine reads, without a copy where it is one already."""
    array = np.asanyarray(values)
    if array.ndim != 2:
        raise ValueError(f"{name}: {array.ndim} axes, allowed are 2, (N, D). Reshape your data")
    if array.shape[1] == 0:
        raise ValueError(f"{name}: 0 columns (shape={array.shape}), while a minimum of 1 is required")
    if array.dtype == np.float16:
        kind = _FP16
    elif array.dtype.name == "bfloat16":
        kind = _BF16
    elif array.dtype == np.float32:
        kind = _FP32
    elif array.dtype.kind in "fiub":
        with np.errstate(over="ignore"):
            array, kind = array.astype(np.float32), _FP32
    else:
        raise TypeError(f"{name}: values of type {array.dtype}, allowed are float16, bfloat16, float32, float64 and whole numbers")
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return np.ascontiguousarray(array), kind


def as_weights(values: Optional[npt.ArrayLike], count: int) -> Optional[npt.NDArray[np.float32]]:
    """(N,) float32 sample weights, or None."""
    if values is None:
        return None
    return real_vector("sample_weight", values, count, np.float32)


def real_vector(name: str, values: npt.ArrayLike, count: int, kind: Any) -> Any:
    """(count,) numbers of a type, in C order."""
    array = np.asarray(values)
    if array.shape != (count,):
        raise ValueError(f"{name}.shape == {array.shape}, expected ({count},)")
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name}: values of type {array.dtype}, allowed are real numbers")
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype=kind)


@contextlib.contextmanager
def _quantizer(n_clusters: int, options: Mapping[str, Any]) -> Iterator[ctypes.c_void_p]:
    """A quantiser with the options of :func:`fit`; destroyed on leaving."""
    handle = ctypes.c_void_p()
    given = quantizer_options(n_clusters, options)
    check(library().ddoq_quantizer_create(ctypes.byref(given), ctypes.byref(handle)))
    try:
        yield handle
    finally:
        library().ddoq_quantizer_destroy(handle)


def quantizer_options(n_clusters: int, options: Mapping[str, Any]) -> QuantizerOptions:
    """The engine's options from Python's names; unknown names are a TypeError."""
    values = QuantizerOptions()
    check(library().ddoq_quantizer_options_init(ctypes.byref(values), ctypes.sizeof(values)))
    values.centroid_count = whole("n_clusters", n_clusters)
    values.restarts = 1 if options.get("algorithm") == "d4m" else 4  # D4M's code makes one pass from one start
    for name, value in options.items():
        if name == "algorithm":
            values.algorithm = choice(name, value, ALGORITHMS)
        elif name == "init":
            values.initialization = choice(name, value, _INITIALIZATIONS)
        elif name == "space":
            values.space = choice(name, value, _SPACES)
        elif name == "device":
            values.device = choice(name, value, _DEVICES)
        elif name == "n_init":
            values.restarts = whole(name, value)
        elif name == "max_iter":
            values.max_iterations = whole(name, value)
        elif name == "tol":
            values.tolerance = float(value)
        elif name == "seed":
            if not 0 <= int(value) < 2**64:
                raise ValueError(f"seed is {value}, allowed are 0 to 2**64 - 1")
            values.seed = int(value)
        elif name == "hold_out":
            values.hold_out_fraction = float(value)
        elif name == "memory_limit":
            values.memory_limit = int(value)
        elif name == "n_jobs":
            values.workers = 0 if value is None or value == -1 else whole(name, value)
        else:
            raise TypeError(f"there is no option '{name}'; see ddoq.fit")
    return values


class CallbackWatch:
    """A progress callback whose exceptions stop the fit and come out of it."""

    def __init__(self, progress: Optional[Callable[[int, int], object]]) -> None:
        self._progress = progress
        self._error: Optional[BaseException] = None
        self._lock = threading.Lock()
        self.callback = PROGRESS_CALLBACK(self._call) if progress else PROGRESS_CALLBACK()

    def check(self, status: int, otherwise: Callable[[int], None]) -> None:
        """Raises the callback's own exception first, then what the status says."""
        if self._error is not None:
            raise self._error
        if status == _CANCELLED:
            raise DdoqError("the fit was stopped")
        otherwise(status)

    def _call(self, _: object, state: Any) -> int:
        values: Progress = state.contents
        if values.class_index < 0 or self._progress is None:
            return 0
        try:
            self._progress(values.classes_done, values.classes)
            return 0
        except BaseException as error:  # it is raised again in the thread that fits
            with self._lock:
                self._error = self._error or error
            return 1


def _take(handle: ctypes.c_void_p) -> Quantization:
    """Copies a result out of the engine and frees it there."""
    engine = library()
    try:
        info = QuantizationInfo(size=ctypes.sizeof(QuantizationInfo))
        check(engine.ddoq_quantization_get_info(handle, ctypes.byref(info)))
        k, d, n = info.centroid_count, info.dimension, info.row_count
        return Quantization(
            centroids=_copy(engine.ddoq_quantization_centroids(handle), np.float32, (k, d)),
            counts=_copy(engine.ddoq_quantization_counts(handle), np.int64, (k,)),
            labels=_copy(engine.ddoq_quantization_labels(handle), np.int32, (n,)),
            distortion=info.distortion,
            held_out_distortion=info.held_out_distortion,
            energy_distance=info.energy_distance,
            iterations=info.iteration_count)
    finally:
        engine.ddoq_quantization_destroy(handle)


def _copy(address: Optional[int], kind: Any, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    result = np.empty(shape, dtype=kind)
    if result.nbytes:
        if not address:
            raise DdoqError("the engine gave no array", "please report this")
        ctypes.memmove(result.ctypes.data, address, result.nbytes)
    return result


def whole(name: str, value: Any) -> int:
    """A whole number of 32 bits."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} is {value!r}, allowed are whole numbers")
    if not -(2**31) <= int(value) < 2**31:
        raise ValueError(f"{name} is {value}, allowed are numbers below 2**31")
    return int(value)


def choice(name: str, value: Any, choices: Mapping[str, int]) -> int:
    """The number of a name."""
    if value not in choices:
        raise ValueError(f"{name} is {value!r}, allowed are {', '.join(choices)}")
    return choices[value]
