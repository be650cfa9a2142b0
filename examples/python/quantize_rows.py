#!/usr/bin/env python3
"""Quantises rows of modes and shows what the weights are for; needs numpy alone."""
import numpy as np

import ddoq


def main() -> None:
    draw = np.random.default_rng(0)
    centres = draw.normal(size=(5, 64)) * 6
    rows = (centres[draw.choice(5, size=1000, p=[0.5, 0.2, 0.15, 0.1, 0.05])] + draw.normal(size=(1000, 64))).astype(np.float16)
    result = ddoq.fit(rows, 5, seed=1)
    print(f"libddoq {ddoq.version()} ({ddoq.instruction_set()}): distortion {result.distortion:.2f} after {result.iterations} iterations")
    for mass, weight in sorted(zip(result.masses, result.weights("sqrt")), reverse=True):
        print(f"mass {mass:.3f}, training weight {weight:.3f}")
    error = rows.astype(np.float32).mean(axis=0) - result.masses @ result.centroids
    print(f"the weighted centres have the rows' mean up to {np.abs(error).max():.1e}")


if __name__ == "__main__":
    main()
