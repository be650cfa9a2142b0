"""Selection and distances against definitions in numpy, scipy and POT."""
import itertools
import unittest

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

import ddoq


def rows_of(count, dimension=5, seed=0):
    return np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)


def energy(x, z, x_weight=None, z_weight=None):
    p = np.full(len(x), 1 / len(x)) if x_weight is None else x_weight / np.sum(x_weight)
    q = np.full(len(z), 1 / len(z)) if z_weight is None else z_weight / np.sum(z_weight)
    return 2 * p @ cdist(x, z) @ q - p @ cdist(x, x) @ p - q @ cdist(z, z) @ q


class SelectTests(unittest.TestCase):
    def test_small_choices_are_the_best_of_all(self):
        rows = rows_of(14)
        worth = {"energy": lambda z: energy(rows, z), "w2": lambda z: (cdist(rows, z) ** 2).min(axis=1).mean()}
        for objective, value in worth.items():
            with self.subTest(objective=objective):
                found = ddoq.select(rows, 3, objective=objective, n_init=8, measure_energy=True)
                best = min(value(rows[list(chosen)]) for chosen in itertools.combinations(range(14), 3))
                self.assertAlmostEqual(value(rows[found.indices]), best, places=5)
                self.assertAlmostEqual(found.energy_distance, energy(rows, rows[found.indices]), places=5)
                self.assertAlmostEqual(found.distortion, worth["w2"](rows[found.indices]), places=5)
                np.testing.assert_array_equal(found.labels, cdist(rows, rows[found.indices]).argmin(axis=1))
                np.testing.assert_array_equal(found.counts, np.bincount(found.labels, minlength=3))
                self.assertAlmostEqual(float((found.weights().astype(float) ** 2).sum()), 3, places=5)

    def test_one_row_for_each_centre_is_scipys_assignment(self):
        rows = rows_of(60, seed=2)
        points = {"nearest": ddoq.fit(rows, 9, algorithm="support", seed=4, n_init=1), "medoids": ddoq.fit(rows, 9, seed=4)}
        for objective, fitted in points.items():
            with self.subTest(objective=objective):
                expected = linear_sum_assignment(cdist(fitted.centroids, rows) ** 2)[1]
                np.testing.assert_array_equal(ddoq.select(rows, 9, objective=objective, seed=4).indices, expected)
        given = rows_of(6, seed=3)
        found = ddoq.select(rows, 6, objective="nearest", centroids=given, candidates=rows[:20])
        np.testing.assert_array_equal(found.indices, linear_sum_assignment(cdist(given, rows[:20]) ** 2)[1])

    def test_every_objective_chooses_different_rows(self):
        rows = rows_of(100)
        for objective in ddoq.OBJECTIVES:
            with self.subTest(objective=objective):
                found = ddoq.select(rows.astype(np.float16), 10, objective=objective, seed=3)
                self.assertEqual(len(set(found.indices.tolist())), 10)
                self.assertEqual(found.counts.sum(), 100)
                self.assertEqual(sorted(ddoq.select(rows[:4], 10, objective=objective).indices), [0, 1, 2, 3])

    def test_rows_of_weight_zero_are_not_chosen_and_do_not_count(self):
        rows = rows_of(50)
        weight = np.repeat([1.0, 0.0], [30, 20])
        for objective in ("energy", "w2", "herding"):
            np.testing.assert_array_equal(
                ddoq.select(rows, 5, objective=objective, sample_weight=weight).indices, ddoq.select(rows[:30], 5, objective=objective).indices)

    def test_what_cannot_be_used(self):
        rows = rows_of(20)
        bad = rows.copy()
        bad[5, 1] = np.inf
        cases = [
            (lambda: ddoq.select(rows, 0), ValueError, "Count is 0"),
            (lambda: ddoq.select(rows, 2.0), TypeError, "whole"),
            (lambda: ddoq.select(rows, 3, objective="best"), ValueError, "k-center"),
            (lambda: ddoq.select(bad, 3), ValueError, "row 5"),
            (lambda: ddoq.select(rows, 3, candidates=bad), ValueError, "candidate 5"),
            (lambda: ddoq.select(rows[:0], 3), ValueError, "0 rows"),
            (lambda: ddoq.select(rows, 3, candidates=rows[:, :2]), ValueError, "2 columns"),
            (lambda: ddoq.select(rows, 3, centroids=rows[:3]), ValueError, "nearest"),
            (lambda: ddoq.select(rows, 3, objective="nearest", centroids=rows[:4]), ValueError, "4 rows"),
            (lambda: ddoq.select(rows, 3, sample_weight=np.zeros(20)), ValueError, "weight"),
            (lambda: ddoq.wasserstein2(rows, rows[:, :2]), ValueError, "2"),
            (lambda: ddoq.wasserstein2(rows, bad), ValueError, "finite"),
            (lambda: ddoq.wasserstein2(rows, rows, np.zeros(20)), ValueError, "sum"),
            (lambda: ddoq.wasserstein2(rows, rows, np.ones(3)), ValueError, "expected"),
            (lambda: ddoq.wasserstein2(rows, rows[:0]), ValueError, "y"),
            (lambda: ddoq.energy_distance(rows, bad), ValueError, "Point 5"),
            (lambda: ddoq.energy_distance(rows, rows, point_weight=-np.ones(20)), ValueError, "weights"),
        ]
        for call, kind, words in cases:
            with self.subTest(words=words), self.assertRaisesRegex(kind, words):
                call()


class DistanceTests(unittest.TestCase):
    def test_wasserstein_is_pots(self):
        import ot

        draw = np.random.default_rng(1)
        for n, k, d in [(1, 1, 1), (40, 7, 3), (7, 40, 3), (200, 30, 64), (50, 50, 2)]:
            for weighted in (False, True):
                with self.subTest(n=n, k=k, d=d, weighted=weighted):
                    x, y = rows_of(n, d, seed=n), rows_of(k, d, seed=k + 100)
                    p = draw.random(n) if weighted else None
                    q = draw.random(k) if weighted else None
                    distance, plan = ddoq.wasserstein2(x, y, p, q, return_plan=True)
                    p = np.full(n, 1 / n) if p is None else p / p.sum()
                    q = np.full(k, 1 / k) if q is None else q / q.sum()
                    costs = cdist(x.astype(np.float64), y.astype(np.float64), "sqeuclidean")
                    self.assertAlmostEqual(distance, np.sqrt(ot.emd2(p, q, costs)), delta=1e-7)
                    np.testing.assert_allclose(plan.sum(axis=1), p, atol=1e-9)
                    np.testing.assert_allclose(plan.sum(axis=0), q, atol=1e-9)
                    self.assertAlmostEqual((plan * costs).sum(), distance**2, delta=1e-9)
                    self.assertAlmostEqual(ddoq.wasserstein2(x, y, p, q), distance, delta=1e-12)

    def test_under_the_masses_of_the_cells_it_is_the_distortion(self):
        rows = rows_of(300, 16)
        result = ddoq.fit(rows, 12)
        self.assertAlmostEqual(ddoq.wasserstein2(rows, result.centroids, None, result.masses) ** 2, result.distortion, places=5)

    def test_energy_distance_is_its_definition(self):
        x, z = rows_of(150), rows_of(20, seed=9)
        p, q = np.arange(150.0), np.arange(20.0) + 1
        self.assertAlmostEqual(ddoq.energy_distance(x, z), energy(x, z), places=5)
        self.assertAlmostEqual(ddoq.energy_distance(x, z, p, q), energy(x, z, p, q), places=5)
        self.assertAlmostEqual(ddoq.energy_distance(x, x), 0, places=5)

    def test_support_points_have_less_of_it_than_random_rows_and_means(self):
        rows = rows_of(400, 12)
        support = ddoq.fit(rows, 20, algorithm="support")
        self.assertAlmostEqual(support.energy_distance, energy(rows, support.centroids), places=4)
        self.assertLess(energy(rows, support.centroids), 0.5 * energy(rows, rows[:20]))
        self.assertLess(energy(rows, support.centroids), energy(rows, ddoq.fit(rows, 20).centroids))


if __name__ == "__main__":
    unittest.main()
