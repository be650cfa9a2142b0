"""Stores and prototypes: what Python writes the engine reads, and the other way round."""
import pathlib
import tempfile
import unittest

import numpy as np

import ddoq


class StoreTests(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self._folder.name)
        draw = np.random.default_rng(4)
        self.labels = draw.integers(0, 3, size=100)
        self.latents = draw.normal(size=(100, 2, 3, 4)).astype(np.float16)
        self.names = ["a/b", "ü", "c"]

    def tearDown(self):
        self._folder.cleanup()

    def write(self):
        ddoq.write_latent_store(self.folder / "store", self.latents, self.labels, self.names, rows_per_shard=40,
                                metadata={"scaling_factor": "0.5"})
        return ddoq.LatentStore(self.folder / "store")

    def test_what_is_written_is_read(self):
        store = self.write()
        self.assertEqual((len(store), store.shape, store.class_names), (100, (2, 3, 4), self.names))
        self.assertEqual(store.metadata["scaling_factor"], "0.5")
        for c in range(3):
            np.testing.assert_array_equal(store.rows(c), self.latents[self.labels == c].reshape(-1, 24))

    def test_a_class_in_one_piece_is_not_copied(self):
        ddoq.write_latent_store(self.folder / "sorted", self.latents, np.sort(self.labels), self.names)
        self.assertIsInstance(ddoq.LatentStore(self.folder / "sorted").rows(1).base, np.memmap)

    def test_the_engine_quantises_the_store_as_the_rows(self):
        store = self.write()
        prototypes = ddoq.quantize_store(store.path, self.folder / "prototypes.safetensors", 5, seed=7)
        self.assertEqual(prototypes.class_names, self.names)
        self.assertEqual(prototypes.metadata["scaling_factor"], "0.5")
        for c in range(3):
            expected = ddoq.fit(store.rows(c), 5, seed=7, class_index=c)
            np.testing.assert_array_equal(prototypes.centroids[c].reshape(5, 24), expected.centroids)
            np.testing.assert_array_equal(prototypes.counts[c], expected.counts)
            np.testing.assert_array_equal(prototypes.weights[c], expected.weights("direct"))

    def test_prototypes_written_here_are_read_back(self):
        draw = np.random.default_rng(0)
        centroids = draw.normal(size=(2, 3, 1, 2, 2)).astype(np.float32)
        counts = np.array([[3, 1, 0], [2, 2, 4]])
        ddoq.write_prototypes(self.folder / "p.safetensors", centroids, counts, [1.0, 2.0], ["x", "y"])
        read = ddoq.Prototypes.load(self.folder / "p.safetensors")
        np.testing.assert_array_equal(read.centroids, centroids)
        np.testing.assert_allclose(read.weights, [[0.75, 0.25, 0], [0.25, 0.25, 0.5]])

    def test_files_that_are_no_stores(self):
        store = self.write()
        shard = sorted(store.path.glob("*.safetensors"))[0]
        del store
        shard.write_bytes(shard.read_bytes()[:-10])
        with self.assertRaisesRegex(ValueError, "cut off"):
            ddoq.LatentStore(self.folder / "store")
        with self.assertRaises(ddoq.DdoqError):
            ddoq.quantize_store(self.folder / "store", self.folder / "p", 2)
        with self.assertRaisesRegex(ValueError, "not finite"):
            ddoq.write_latent_store(self.folder / "n", np.full((1, 1, 1, 1), np.nan), [0], ["a"])
        with self.assertRaisesRegex(ValueError, "same name"):
            ddoq.write_latent_store(self.folder / "n", np.zeros((1, 1, 1, 1)), [0], ["a", "a"])


if __name__ == "__main__":
    unittest.main()
