"""Dataset distillation by optimal quantization.

Everything here runs on the engine behind the C interface ``libddoq``, which the package carries; arrays go in and out
without copies where their type allows it. scikit-learn and torch are imported only by the classes that need them.
"""
from __future__ import annotations

import importlib
from typing import Any

from ._library import DdoqError, instruction_set, version
from ._quantization import ALGORITHMS, Quantization, fit, fit_many, predict, prototype_weights
from ._selection import OBJECTIVES, Selection, energy_distance, select, wasserstein2
from ._stores import LatentStore, Prototypes, quantize_store, write_latent_store, write_prototypes

__version__ = "0.1.0"
__all__ = [
    "ALGORITHMS",
    "DdoqError",
    "DistilledDataset",
    "DistilledSample",
    "LatentStore",
    "OBJECTIVES",
    "OptimalQuantizer",
    "Prototypes",
    "Quantization",
    "Selection",
    "energy_distance",
    "fit",
    "fit_many",
    "instruction_set",
    "predict",
    "prototype_weights",
    "quantize_store",
    "select",
    "version",
    "wasserstein2",
    "weighted_cross_entropy",
    "write_latent_store",
    "write_prototypes",
]

# Names whose modules need a package that not every user has.
_LAZY = {
    "OptimalQuantizer": "._estimator",
    "DistilledDataset": "._dataset",
    "DistilledSample": "._dataset",
    "weighted_cross_entropy": "._dataset",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
