#!/usr/bin/env python3
"""Quantises rows in memory with libddoq through ctypes; needs nothing but Python.

quantize_rows.py LIBDDOQ_SO
"""
import array
import ctypes
import random
import sys


class Options(ctypes.Structure):
    """ddoq_quantizer_options of ddoq.h."""
    _fields_ = ([("size", ctypes.c_uint32), ("centroid_count", ctypes.c_int32), ("seed", ctypes.c_uint64)]
                + [(name, ctypes.c_int32) for name in (
                    "algorithm", "initialization", "space", "restarts", "max_iterations", "passes", "batch_size",
                    "km_expand", "max_no_improvement", "workers", "device", "device_index")]
                + [(name, ctypes.c_double) for name in (
                    "tolerance", "reassignment_ratio", "hold_out_fraction", "clvq_scale", "clvq_offset")]
                + [("memory_limit", ctypes.c_int64)])


def load(path):
    library = ctypes.CDLL(path)
    for name in ("ddoq_version", "ddoq_last_error", "ddoq_last_hint", "ddoq_quantizer_description"):
        getattr(library, name).restype = ctypes.c_char_p
    for name, kind in (("centroids", ctypes.c_float), ("counts", ctypes.c_int64), ("labels", ctypes.c_int32)):
        function = getattr(library, f"ddoq_quantization_{name}")
        function.restype, function.argtypes = ctypes.POINTER(kind), [ctypes.c_void_p]
    library.ddoq_quantizer_description.argtypes = [ctypes.c_void_p]
    library.ddoq_quantizer_create.argtypes = [ctypes.POINTER(Options), ctypes.POINTER(ctypes.c_void_p)]
    library.ddoq_quantizer_options_init.argtypes = [ctypes.POINTER(Options), ctypes.c_size_t]
    library.ddoq_quantizer_fit.argtypes = [
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_int32, ctypes.c_int32,
        ctypes.POINTER(ctypes.c_void_p)]
    library.ddoq_weights.argtypes = [ctypes.c_int, ctypes.POINTER(ctypes.c_int64), ctypes.c_int32, ctypes.POINTER(ctypes.c_float)]
    for name in ("ddoq_quantizer_destroy", "ddoq_quantization_destroy"):
        getattr(library, name).argtypes, getattr(library, name).restype = [ctypes.c_void_p], None
    return library


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    ddoq = load(sys.argv[1])

    def call(status):
        if status != 0:
            sys.exit(f"error: {ddoq.ddoq_last_error().decode()}\nhint: {ddoq.ddoq_last_hint().decode()}")

    rows, dimension, centroids, fp32, square_root = 300, 8, 4, 2, 1
    draw = random.Random(1)
    values = array.array("f", (draw.gauss(5.0 * (i % centroids), 1.0) for i in range(rows) for _ in range(dimension)))

    options = Options()
    call(ddoq.ddoq_quantizer_options_init(ctypes.byref(options), ctypes.sizeof(options)))
    options.centroid_count, options.seed = centroids, 1
    quantizer, result = ctypes.c_void_p(), ctypes.c_void_p()
    call(ddoq.ddoq_quantizer_create(ctypes.byref(options), ctypes.byref(quantizer)))
    call(ddoq.ddoq_quantizer_fit(quantizer, values.buffer_info()[0], fp32, rows, dimension, 0, ctypes.byref(result)))
    counts, labels = ddoq.ddoq_quantization_counts(result), ddoq.ddoq_quantization_labels(result)
    weights = (ctypes.c_float * centroids)()
    call(ddoq.ddoq_weights(square_root, counts, centroids, weights))
    print(f"libddoq {ddoq.ddoq_version().decode()}, {ddoq.ddoq_quantizer_description(quantizer).decode()}")
    for k in range(centroids):
        centre = [round(ddoq.ddoq_quantization_centroids(result)[k * dimension + d], 2) for d in range(3)]
        print(f"centre {k}: {counts[k]} rows, weight {weights[k]:.3f}, {centre} ...")
    together = all(labels[i] == labels[i % centroids] for i in range(rows))
    ddoq.ddoq_quantization_destroy(result)
    ddoq.ddoq_quantizer_destroy(quantizer)
    return 0 if together else 1


if __name__ == "__main__":
    sys.exit(main())
