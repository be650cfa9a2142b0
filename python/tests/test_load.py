"""Many calls: nothing ends the process, memory does not grow, threads run side by side."""
import threading
import time
import unittest
import warnings

import numpy as np

import ddoq


def resident():
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024


class LoadTests(unittest.TestCase):
    def test_ten_thousand_random_calls_end_with_a_result_or_a_reason(self):
        draw = np.random.default_rng(11)
        kinds = [np.float16, np.float32, np.float32, np.float64, np.int16, np.complex64, object, np.uint8, bool, ">f4"]

        def array():
            shape = tuple(draw.integers(0, 7, size=draw.choice([0, 1, 2, 2, 2, 2, 2, 3])))
            values = np.asarray(draw.normal(size=shape) * 10.0 ** draw.choice([-30, -3, 0, 0, 0, 0, 3, 20, 39]))
            if values.size and draw.random() < 0.1:
                values.flat[draw.integers(values.size)] = draw.choice([np.nan, np.inf, -np.inf])
            values = values.astype(kinds[draw.integers(len(kinds))])
            return values[::2] if values.ndim and draw.random() < 0.2 else values.T if draw.random() < 0.2 else values

        def number(*usual):
            return draw.choice([-1, 0, 2**31, 2**63]) if draw.random() < 0.1 else draw.choice(usual)

        def maybe(value):
            return value if draw.random() < 0.2 else None

        calls = [
            lambda: ddoq.fit(array(), int(number(1, 2, 5, 9)), algorithm=str(draw.choice(list(ddoq.ALGORITHMS))), n_init=int(number(1, 2)),
                             max_iter=int(number(1, 4)), seed=int(number(0, 9)), hold_out=float(number(0, 0.2)), sample_weight=maybe(array()),
                             space=str(draw.choice(["auto", "gram", "direct", "moon"], p=[0.5, 0.2, 0.2, 0.1]))),
            lambda: ddoq.fit_many([array() for _ in range(draw.integers(0, 3))], int(number(1, 3)), n_jobs=int(number(1, 2))),
            lambda: ddoq.select(array(), int(number(1, 3)), objective=str(draw.choice(ddoq.OBJECTIVES)), candidates=maybe(array()),
                                centroids=maybe(array()), sample_weight=maybe(array()), n_init=int(number(1, 2)), measure_energy=draw.random() < 0.5),
            lambda: ddoq.predict(array(), array()),
            lambda: ddoq.wasserstein2(array(), array(), maybe(array()), maybe(array()), return_plan=draw.random() < 0.5),
            lambda: ddoq.energy_distance(array(), array(), maybe(array()), maybe(array())),
            lambda: ddoq.prototype_weights(array(), str(draw.choice(["sqrt", "direct", "none", "inverse", "cubic"]))),
        ]
        ends = {"result": 0, "reason": 0}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for _ in range(10_000):
                try:
                    calls[draw.integers(len(calls))]()
                    ends["result"] += 1
                except (ValueError, TypeError) as error:
                    self.assertTrue(str(error), type(error))
                    ends["reason"] += 1
        self.assertGreater(min(ends.values()), 1000, ends)

    def test_memory_is_flat_over_a_thousand_fits(self):
        rows = np.random.default_rng(0).normal(size=(300, 64)).astype(np.float32)
        for _ in range(1500):  # until the engine's collector has found its size
            ddoq.fit(rows, 10, n_init=1)
        before = resident()
        for _ in range(1000):
            ddoq.fit(rows, 10, n_init=1)
        # A result is 4 KB, a Gram matrix 360 KB.
        self.assertLess(resident() - before, 2)

    def test_two_fits_run_at_once_and_the_interpreter_meanwhile(self):
        rows = np.random.default_rng(0).normal(size=(3000, 256)).astype(np.float32)
        spans = []

        def work(seed):
            start = time.monotonic()
            ddoq.fit(rows, 60, n_init=4, seed=seed)
            spans.append((start, time.monotonic()))

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(2)]
        for thread in threads:
            thread.start()
        steps = 0
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.001)
            steps += 1
        self.assertLess(max(start for start, _ in spans), min(end for _, end in spans), "the second began after the first had ended")
        self.assertGreater(steps, 10, "nothing else ran meanwhile")


if __name__ == "__main__":
    unittest.main()
