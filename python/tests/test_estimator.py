"""The estimator against scikit-learn's own checks."""
import unittest
import warnings

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import ddoq


class EstimatorTests(unittest.TestCase):
    def test_scikit_learns_checks_pass(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check_estimator(ddoq.OptimalQuantizer(n_clusters=3, random_state=0))

    def test_attributes_are_those_of_the_engine(self):
        rows = np.random.default_rng(0).normal(size=(200, 12)).astype(np.float32)
        estimator = ddoq.OptimalQuantizer(9, random_state=5).fit(rows)
        result = ddoq.fit(rows, 9, seed=5)
        np.testing.assert_array_equal(estimator.cluster_centers_, result.centroids)
        np.testing.assert_array_equal(estimator.labels_, result.labels)
        np.testing.assert_array_equal(estimator.predict(rows), result.labels)
        np.testing.assert_allclose(estimator.cluster_weights_, result.counts / 200)
        self.assertAlmostEqual(estimator.inertia_, 200 * result.distortion)
        self.assertAlmostEqual(-estimator.score(rows), estimator.inertia_, delta=1e-5 * estimator.inertia_)
        self.assertEqual(estimator.transform(rows).shape, (200, 9))

    def test_sample_weights_move_the_centres(self):
        rows = np.array([[0.0], [1.0], [10.0], [11.0]])
        estimator = ddoq.OptimalQuantizer(2, random_state=0).fit(rows, sample_weight=[3, 1, 1, 1])
        np.testing.assert_allclose(sorted(estimator.cluster_centers_.ravel()), [0.25, 10.5], atol=1e-5)
        np.testing.assert_allclose(sorted(estimator.cluster_weights_), [2 / 6, 4 / 6])

    def test_a_step_of_a_pipeline(self):
        rows = np.random.default_rng(1).normal(size=(60, 5))
        pipeline = make_pipeline(StandardScaler(), clone(ddoq.OptimalQuantizer(4, random_state=1)))
        self.assertEqual(pipeline.fit_transform(rows).shape, (60, 4))


if __name__ == "__main__":
    unittest.main()
