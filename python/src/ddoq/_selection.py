"""Choice of rows that stand for all, and distances between weighted sets of points."""
from __future__ import annotations

import ctypes
import dataclasses
from collections.abc import Mapping
from typing import Any, Optional, Union

import numpy as np
import numpy.typing as npt

from ._library import SelectionInfo, SelectionOptions, check, check_arrays, library
from ._quantization import as_rows, as_weights, choice, fit, prototype_weights, real_vector, whole

_ENERGY, _WASSERSTEIN, _NEAREST, _HERDING, _K_CENTER, _RANDOM = range(6)
_OBJECTIVES: Mapping[str, int] = {
    "energy": _ENERGY, "medoids": _NEAREST, "w2": _WASSERSTEIN, "nearest": _NEAREST, "herding": _HERDING, "k-center": _K_CENTER,
    "random": _RANDOM,
}
OBJECTIVES = tuple(_OBJECTIVES)
"""Names of what :func:`select` can make small; ``energy`` is the default."""


@dataclasses.dataclass(frozen=True)
class Selection:
    """The candidates chosen for one class."""

    indices: npt.NDArray[np.int32]
    """(K,) the chosen, rising; in the order of the centres for ``nearest`` and ``medoids``. Fewer where there are fewer candidates."""
    counts: npt.NDArray[np.int64]
    """(K,) rows nearest to each."""
    labels: npt.NDArray[np.int32]
    """(N,) for each row the place in ``indices`` of the nearest."""
    objective: float
    """What was made small."""
    energy_distance: float
    """Energy distance of the rows and the chosen at equal weights; NaN unless ``measure_energy`` asked for it."""
    distortion: float
    """Mean squared distance of the rows to the nearest chosen."""

    def weights(self, rule: str = "sqrt") -> npt.NDArray[np.float32]:
        """(K,) training weights from ``counts`` by a rule of :func:`prototype_weights`; ``energy`` is made for ``none``."""
        return prototype_weights(self.counts, rule)


def select(
    rows: npt.ArrayLike,
    count: int,
    *,
    objective: str = "energy",
    candidates: Optional[npt.ArrayLike] = None,
    centroids: Optional[npt.ArrayLike] = None,
    sample_weight: Optional[npt.ArrayLike] = None,
    seed: int = 0,
    n_init: int = 4,
    max_sweeps: int = 100,
    class_index: int = 0,
    measure_energy: bool = False,
) -> Selection:
    """Chooses ``count`` rows, or candidates, that stand best for the rows of one class: a coreset.

    rows
        (N, D), see :func:`fit`.
    objective
        ``energy``: the least energy distance at equal weights. ``w2``: k-medoids, the least mean squared distance to the
        nearest chosen. ``nearest``: one for each of ``centroids``, by default the support points of the rows. ``medoids``: one
        for each centre of the optimal quantiser. ``herding``, ``k-center`` (farthest first), ``random``.
    candidates
        (M, D) points to choose from, such as latents of generated images; None for the rows themselves.
    centroids
        (count, D) for ``nearest`` alone.
    n_init
        Starts of ``energy``, ``w2`` and of the fit of ``medoids``; the best is kept. Support points have one.
    measure_energy
        Whether ``energy_distance`` is wanted, which costs up to a Gram matrix of the rows.

    The choice of ``ddoq select`` for equal rows and seeds. Beyond 8192 rows or candidates a random sample is searched. Raises
    ValueError for arrays and options that cannot be used, TypeError for other kinds of values.
    """
    array, kind = as_rows(rows)
    if not len(array):
        raise ValueError(f"rows: 0 rows (shape={array.shape}), while a minimum of 1 is required")
    weights = as_weights(sample_weight, len(array))
    options = SelectionOptions()
    check(library().ddoq_selection_options_init(ctypes.byref(options), ctypes.sizeof(options)))
    options.objective = choice("objective", objective, _OBJECTIVES)
    options.count = whole("count", count)
    options.starts, options.max_sweeps = whole("n_init", n_init), whole("max_sweeps", max_sweeps)
    options.class_index, options.measure_energy_distance = whole("class_index", class_index), int(bool(measure_energy))
    if not 0 <= int(seed) < 2**64:
        raise ValueError(f"seed is {seed}, allowed are 0 to 2**64 - 1")
    options.seed = int(seed)
    others = None if candidates is None else _points("candidates", candidates, array.shape[1])
    if centroids is not None and objective != "nearest":
        raise ValueError(f"centroids are for objective 'nearest', not {objective!r}")
    centres = None
    if options.objective == _NEAREST and options.count > 0:
        if centroids is None:
            centres = fit(
                array, count, sample_weight=weights, class_index=class_index, seed=seed,
                **({"n_init": n_init} if objective == "medoids" else {"n_init": 1, "algorithm": "support"})).centroids
        else:
            centres = _points("centroids", centroids, array.shape[1])
            if len(centres) != options.count:
                raise ValueError(f"centroids: {len(centres)} rows, allowed are count, {options.count}")
        options.count = len(centres)
    most = len(array) if others is None else len(others)
    options.count = min(options.count, max(most, 1)) if centres is None else options.count
    room = max(options.count, 0)
    chosen, counts = np.empty(room, dtype=np.int32), np.empty(room, dtype=np.int64)
    labels = np.empty(len(array), dtype=np.int32)
    info = SelectionInfo(size=ctypes.sizeof(SelectionInfo))
    check_arrays(library().ddoq_select(
        ctypes.byref(options), array.ctypes.data, kind, len(array), array.shape[1], _address(weights), _address(others),
        0 if others is None else len(others), _address(centres), chosen.ctypes.data, counts.ctypes.data, labels.ctypes.data,
        ctypes.byref(info)))
    return Selection(
        indices=chosen[: info.count], counts=counts[: info.count], labels=labels, objective=info.objective,
        energy_distance=info.energy_distance, distortion=info.distortion)


def wasserstein2(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    x_weight: Optional[npt.ArrayLike] = None,
    y_weight: Optional[npt.ArrayLike] = None,
    *,
    return_plan: bool = False,
) -> Union[float, tuple[float, npt.NDArray[np.float64]]]:
    """The exact Wasserstein-2 distance, the root of min over plans m of sum m_ij |x_i - y_j|^2; with its plan (N, K) if asked for.

    x, y
        (N, D) and (K, D), taken as float32; any number of rows on both sides, quick where one side is small: time N K D + N K^2,
        memory 8 N K bytes.
    x_weight, y_weight
        (N,) and (K,), 0 or more with a sum above 0, which is made 1; None when all weigh the same.

    Costs are summed in double precision. Raises ValueError for arrays that cannot be used, NaN and infinity included.
    """
    first, second = _points("x", x), _points("y", y)
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"x has {first.shape[1]} columns, y {second.shape[1]}")
    plan = np.empty((len(first), len(second))) if return_plan else None
    squared = ctypes.c_double()
    check_arrays(library().ddoq_wasserstein2(
        first.ctypes.data, len(first), _address(_masses("x_weight", x_weight, len(first))), second.ctypes.data, len(second),
        _address(_masses("y_weight", y_weight, len(second))), first.shape[1], ctypes.byref(squared), _address(plan)))
    distance = float(np.sqrt(max(squared.value, 0)))
    return distance if plan is None else (distance, plan)


def energy_distance(
    rows: npt.ArrayLike,
    points: npt.ArrayLike,
    sample_weight: Optional[npt.ArrayLike] = None,
    point_weight: Optional[npt.ArrayLike] = None,
    *,
    seed: int = 0,
) -> float:
    """The energy distance 2 E|X - Z| - E|X - X'| - E|Z - Z'| of rows X and points Z; 0 only where both are the same measure.

    rows
        (N, D), see :func:`fit`; E|X - X'| of more than 8192 is that of a sample which ``seed`` names.
    points
        (K, D), taken as float32.
    sample_weight, point_weight
        (N,) and (K,), 0 or more, not all 0; None when all weigh the same.
    """
    array, kind = as_rows(rows)
    other = _points("points", points, array.shape[1])
    found = ctypes.c_double()
    if not 0 <= int(seed) < 2**64:
        raise ValueError(f"seed is {seed}, allowed are 0 to 2**64 - 1")
    weights = None if point_weight is None else real_vector("point_weight", point_weight, len(other), np.float32)
    check_arrays(library().ddoq_energy_distance(
        array.ctypes.data, kind, len(array), array.shape[1], _address(as_weights(sample_weight, len(array))), other.ctypes.data,
        len(other), _address(weights), int(seed), ctypes.byref(found)))
    return found.value


def _points(name: str, values: npt.ArrayLike, columns: Optional[int] = None) -> npt.NDArray[np.float32]:
    """(K, D) float32 points in C order."""
    array = as_rows(values, name=name)[0]
    if columns is not None and array.shape[1] != columns:
        raise ValueError(f"{name}: {array.shape[1]} columns, the rows have {columns}")
    return np.ascontiguousarray(array, dtype=np.float32)


def _masses(name: str, values: Optional[npt.ArrayLike], count: int) -> Any:
    if values is None:
        return None
    return real_vector(name, values, count, np.float64)


def _address(array: Optional[npt.NDArray[Any]]) -> Optional[int]:
    return None if array is None else array.ctypes.data
