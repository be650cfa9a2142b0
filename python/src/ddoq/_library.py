"""The C interface of libddoq: loading, declarations, errors."""
from __future__ import annotations

import ctypes
import functools
import os
import pathlib
from typing import Any

_STATUS_USAGE = 1
_STATUS_FAILED = 6


class DdoqError(RuntimeError):
    """What the engine refused or failed at; ``hint`` says what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} ({hint})" if hint else message)
        self.hint = hint


class QuantizerOptions(ctypes.Structure):
    """ddoq_quantizer_options of ddoq.h."""

    _fields_ = (
        [("size", ctypes.c_uint32), ("centroid_count", ctypes.c_int32), ("seed", ctypes.c_uint64)]
        + [
            (name, ctypes.c_int32)
            for name in (
                "algorithm", "initialization", "space", "restarts", "max_iterations", "passes", "batch_size",
                "km_expand", "max_no_improvement", "workers", "device", "device_index",
            )
        ]
        + [
            (name, ctypes.c_double)
            for name in ("tolerance", "reassignment_ratio", "hold_out_fraction", "clvq_scale", "clvq_offset")
        ]
        + [("memory_limit", ctypes.c_int64)]
    )


class QuantizationInfo(ctypes.Structure):
    """ddoq_quantization_info of ddoq.h."""

    _fields_ = [
        ("size", ctypes.c_uint32), ("class_index", ctypes.c_int32), ("row_count", ctypes.c_int64),
        ("held_out_row_count", ctypes.c_int64), ("dimension", ctypes.c_int32), ("centroid_count", ctypes.c_int32),
        ("distortion", ctypes.c_double), ("held_out_distortion", ctypes.c_double), ("iteration_count", ctypes.c_int64),
        ("move_count", ctypes.c_int64), ("empty_cells", ctypes.c_int32), ("reserved", ctypes.c_int32),
        ("effective_cells", ctypes.c_double), ("seconds", ctypes.c_double), ("energy_distance", ctypes.c_double),
    ]


class SelectionOptions(ctypes.Structure):
    """ddoq_selection_options of ddoq.h."""

    _fields_ = [
        ("size", ctypes.c_uint32), ("count", ctypes.c_int32), ("seed", ctypes.c_uint64), ("objective", ctypes.c_int32),
        ("starts", ctypes.c_int32), ("max_sweeps", ctypes.c_int32), ("class_index", ctypes.c_int32),
        ("measure_energy_distance", ctypes.c_int32), ("reserved", ctypes.c_int32),
    ]


class SelectionInfo(ctypes.Structure):
    """ddoq_selection_info of ddoq.h."""

    _fields_ = [
        ("size", ctypes.c_uint32), ("count", ctypes.c_int32), ("objective", ctypes.c_double), ("energy_distance", ctypes.c_double),
        ("distortion", ctypes.c_double), ("swap_count", ctypes.c_int32), ("reserved", ctypes.c_int32), ("seconds", ctypes.c_double),
    ]


class Progress(ctypes.Structure):
    """ddoq_progress of ddoq.h."""

    _fields_ = [
        ("size", ctypes.c_uint32), ("class_index", ctypes.c_int32), ("classes_done", ctypes.c_int64),
        ("classes", ctypes.c_int64), ("message", ctypes.c_char_p), ("distortion", ctypes.c_double),
        ("centroid_count", ctypes.c_int32), ("reserved", ctypes.c_int32),
    ]


PROGRESS_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.POINTER(Progress))

_HANDLE = ctypes.c_void_p
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "ddoq_version": (ctypes.c_char_p, []),
    "ddoq_instruction_set": (ctypes.c_char_p, []),
    "ddoq_last_error": (ctypes.c_char_p, []),
    "ddoq_last_hint": (ctypes.c_char_p, []),
    "ddoq_quantizer_options_init": (ctypes.c_int, [ctypes.POINTER(QuantizerOptions), ctypes.c_size_t]),
    "ddoq_quantizer_create": (ctypes.c_int, [ctypes.POINTER(QuantizerOptions), ctypes.POINTER(_HANDLE)]),
    "ddoq_quantizer_destroy": (None, [_HANDLE]),
    "ddoq_quantizer_cancel": (ctypes.c_int, [_HANDLE]),
    "ddoq_quantizer_fit_weighted": (
        ctypes.c_int,
        [_HANDLE, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_int32, ctypes.c_int32, ctypes.c_void_p,
         ctypes.POINTER(_HANDLE)],
    ),
    "ddoq_quantizer_fit_classes": (
        ctypes.c_int,
        [_HANDLE, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_int64), ctypes.c_int32, ctypes.c_int,
         ctypes.c_int32, ctypes.POINTER(_HANDLE), PROGRESS_CALLBACK, ctypes.c_void_p],
    ),
    "ddoq_quantization_destroy": (None, [_HANDLE]),
    "ddoq_quantization_get_info": (ctypes.c_int, [_HANDLE, ctypes.POINTER(QuantizationInfo)]),
    "ddoq_quantization_centroids": (ctypes.c_void_p, [_HANDLE]),
    "ddoq_quantization_counts": (ctypes.c_void_p, [_HANDLE]),
    "ddoq_quantization_labels": (ctypes.c_void_p, [_HANDLE]),
    "ddoq_weights": (
        ctypes.c_int, [ctypes.c_int, ctypes.POINTER(ctypes.c_int64), ctypes.c_int32, ctypes.POINTER(ctypes.c_float)]),
    "ddoq_predict": (
        ctypes.c_int,
        [ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64,
         ctypes.c_void_p, ctypes.c_void_p],
    ),
    "ddoq_selection_options_init": (ctypes.c_int, [ctypes.POINTER(SelectionOptions), ctypes.c_size_t]),
    "ddoq_select": (
        ctypes.c_int,
        [ctypes.POINTER(SelectionOptions), ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_int32, ctypes.c_void_p,
         ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p,
         ctypes.POINTER(SelectionInfo)],
    ),
    "ddoq_wasserstein2": (
        ctypes.c_int,
        [ctypes.c_void_p, ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int32, ctypes.c_void_p, ctypes.c_int32,
         ctypes.POINTER(ctypes.c_double), ctypes.c_void_p],
    ),
    "ddoq_energy_distance": (
        ctypes.c_int,
        [ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int32,
         ctypes.c_void_p, ctypes.c_uint64, ctypes.POINTER(ctypes.c_double)],
    ),
    "ddoq_store_open": (ctypes.c_int, [ctypes.c_char_p, ctypes.POINTER(_HANDLE)]),
    "ddoq_store_close": (None, [_HANDLE]),
    "ddoq_quantizer_fit_store": (
        ctypes.c_int, [_HANDLE, _HANDLE, ctypes.c_char_p, PROGRESS_CALLBACK, ctypes.c_void_p]),
}


@functools.lru_cache(maxsize=None)
def library() -> ctypes.CDLL:
    """Loads libddoq: the file that DDOQ_LIBRARY names, else the one beside this module."""
    chosen = os.environ.get("DDOQ_LIBRARY")
    path = pathlib.Path(chosen) if chosen else pathlib.Path(__file__).with_name("libddoq.so")
    if not path.is_file():
        raise DdoqError(
            f"the engine's library '{path}' does not exist",
            "set DDOQ_LIBRARY to libddoq.so" if not chosen else "DDOQ_LIBRARY must name the file libddoq.so")
    loaded = ctypes.CDLL(str(path))
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(loaded, name, None)
        if function is None:
            raise DdoqError(f"'{path}' has no function {name}: it is of another version", "use the library of this version")
        function.restype, function.argtypes = result, arguments
    return loaded


def check(status: int) -> None:
    """Raises what the last call of this thread failed with: ValueError for arguments, DdoqError for the rest."""
    if status == 0:
        return
    message = library().ddoq_last_error().decode()
    hint = library().ddoq_last_hint().decode()
    if status == _STATUS_USAGE:
        raise ValueError(f"{message} ({hint})" if hint else message)
    raise DdoqError(message, hint)


def check_arrays(status: int) -> None:
    """As :func:`check` after a call that reads nothing but the caller's arrays: what it cannot use is a ValueError too."""
    try:
        check(status)
    except DdoqError as error:
        if status == _STATUS_FAILED:
            raise ValueError(str(error)) from None
        raise


def version() -> str:
    """The engine's version, for example ``0.1.0``."""
    return library().ddoq_version().decode()


def instruction_set() -> str:
    """The vector instructions in use, for example ``AVX2``: results have the same bits on one instruction set."""
    name = library().ddoq_instruction_set()
    if name is None:
        check(_STATUS_USAGE)
    return name.decode()
