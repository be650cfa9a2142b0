"""Fits of rows in memory against scikit-learn, plain numpy and each other."""
import concurrent.futures
import tempfile
import unittest

import numpy as np

import ddoq


def modes(rows=400, dimension=24, seed=1):
    draw = np.random.default_rng(seed)
    centres = draw.normal(size=(7, dimension)) * 4
    return (centres[draw.integers(7, size=rows)] + draw.normal(size=(rows, dimension))).astype(np.float32)


def distortion(rows, centroids, labels):
    return float(((rows.astype(np.float64) - centroids.astype(np.float64)[labels]) ** 2).sum(axis=1).mean())


class FitTests(unittest.TestCase):
    def test_result_agrees_with_numpy(self):
        rows = modes()
        result = ddoq.fit(rows, 7, seed=3)
        distances = ((rows[:, None].astype(np.float64) - result.centroids[None].astype(np.float64)) ** 2).sum(axis=2)
        np.testing.assert_array_equal(result.labels, distances.argmin(axis=1))
        np.testing.assert_array_equal(result.counts, np.bincount(result.labels, minlength=7))
        self.assertAlmostEqual(result.distortion, distances.min(axis=1).mean(), delta=1e-5 * result.distortion)
        self.assertAlmostEqual(result.masses.sum(), 1)
        self.assertAlmostEqual((result.weights("sqrt").astype(np.float64) ** 2).sum(), 7, places=5)

    def test_distortion_is_not_above_scikit_learns(self):
        from sklearn.cluster import KMeans

        rows = modes(600, 32, seed=5)
        ours = ddoq.fit(rows, 20, seed=0).distortion
        theirs = KMeans(20, n_init=4, random_state=0).fit(rows).inertia_ / len(rows)
        self.assertLessEqual(ours, theirs)

    def test_every_type_of_rows(self):
        rows = modes().astype(np.float16)
        expected = ddoq.fit(rows, 5, seed=1)
        for kind in (np.float32, np.float64):
            with self.subTest(kind=kind):
                np.testing.assert_array_equal(ddoq.fit(rows.astype(kind), 5, seed=1).labels, expected.labels)
        with tempfile.NamedTemporaryFile() as file:
            np.save(file, rows)
            file.flush()
            mapped = np.load(file.name, mmap_mode="r")
            np.testing.assert_array_equal(ddoq.fit(mapped, 5, seed=1).centroids, expected.centroids)

    def test_strided_rows_are_as_their_copy(self):
        rows = modes()
        np.testing.assert_array_equal(ddoq.fit(rows[::2, ::3], 4).centroids, ddoq.fit(rows[::2, ::3].copy(), 4).centroids)

    def test_weights_are_repetitions(self):
        rows = modes(60, 8)
        times = np.random.default_rng(2).integers(1, 4, size=60)
        weighted = ddoq.fit(rows, 3, sample_weight=times, seed=1, algorithm="lloyd", n_init=8)
        repeated = ddoq.fit(np.repeat(rows, times, axis=0), 3, seed=1, algorithm="lloyd", n_init=8)
        self.assertAlmostEqual(weighted.distortion, repeated.distortion, delta=1e-3 * repeated.distortion)

    def test_many_classes_are_as_one_by_one_for_any_number_of_jobs(self):
        classes = [modes(100 + 10 * c, 12, seed=c) for c in range(5)]
        seen = []
        together = ddoq.fit_many(classes, 6, seed=9, n_jobs=2, progress=lambda done, count: seen.append((done, count)))
        for c, result in enumerate(together):
            np.testing.assert_array_equal(result.centroids, ddoq.fit(classes[c], 6, seed=9, class_index=c).centroids)
        self.assertEqual(seen[-1], (5, 5))
        self.assertEqual(ddoq.fit_many([], 3), [])

    def test_an_exception_in_the_callback_stops_the_fit(self):
        def stop(done, count):
            raise KeyError("enough")

        with self.assertRaises(KeyError):
            ddoq.fit_many([modes(50, 4, seed=c) for c in range(20)], 3, progress=stop)

    def test_two_fits_at_once(self):
        rows = modes(800, 64)
        expected = ddoq.fit(rows, 30, seed=2).centroids
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for result in pool.map(lambda _: ddoq.fit(rows, 30, seed=2), range(8)):
                np.testing.assert_array_equal(result.centroids, expected)

    def test_predict_gives_labels_and_squared_distances(self):
        rows = modes(90, 10)
        centroids = rows[:4]
        labels, distances = ddoq.predict(centroids, rows)
        expected = ((rows[:, None].astype(np.float64) - centroids[None]) ** 2).sum(axis=2)
        np.testing.assert_array_equal(labels, expected.argmin(axis=1))
        np.testing.assert_allclose(distances, expected.min(axis=1), rtol=1e-5, atol=1e-4)


class RefusalTests(unittest.TestCase):
    def test_arrays_that_cannot_be_used(self):
        good = modes(20, 4)
        bad = good.copy()
        bad[3, 2] = np.nan
        cases = [
            (lambda: ddoq.fit(bad, 2), ValueError, "row 3"),
            (lambda: ddoq.fit(good[0], 2), ValueError, "axes"),
            (lambda: ddoq.fit(good[:, :0], 2), ValueError, "0 columns"),
            (lambda: ddoq.fit(good[:0], 2), ValueError, "0 rows"),
            (lambda: ddoq.prototype_weights([1.5, 2]), TypeError, "whole numbers"),
            (lambda: ddoq.prototype_weights([1, -2]), ValueError, "-2"),
            (lambda: ddoq.fit(good, 2, sample_weight=np.ones(20, dtype=complex)), TypeError, "real"),
            (lambda: ddoq.fit(good.astype(object), 2), TypeError, "type object"),
            (lambda: ddoq.fit(good.astype(np.complex64), 2), TypeError, "complex64"),
            (lambda: ddoq.fit(good, 0), ValueError, "0"),
            (lambda: ddoq.fit(good, 2.5), TypeError, "whole numbers"),
            (lambda: ddoq.fit(good, 2**40), ValueError, "2\\*\\*31"),
            (lambda: ddoq.fit(good, 2, algorithm="ward"), ValueError, "hartigan"),
            (lambda: ddoq.fit(good, 2, speed="high"), TypeError, "no option"),
            (lambda: ddoq.fit(good, 2, sample_weight=[1, 2]), ValueError, "expected \\(20,\\)"),
            (lambda: ddoq.fit(good, 2, sample_weight=-np.ones(20)), ValueError, "weight -1"),
            (lambda: ddoq.fit_many([good, good.astype(np.float16)], 2), ValueError, "one type"),
            (lambda: ddoq.predict(good[:2, :3], good), ValueError, "columns"),
            (lambda: ddoq.prototype_weights([1, 2], "cubic"), ValueError, "inverse"),
        ]
        for call, kind, words in cases:
            with self.subTest(words=words), self.assertRaisesRegex(kind, words):
                call()


if __name__ == "__main__":
    unittest.main()
