"""Distilled sets as torch datasets."""
import importlib.util
import json
import pathlib
import tempfile
import unittest

import numpy as np
import torch
from PIL import Image

import ddoq
from ddoq._stores import write_safetensors


class DatasetTests(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self._folder.name)
        self.entries = []
        for label, name in enumerate(["shirt/top", "bag"]):
            place = self.folder / "train" / name.replace("/", "_")
            place.mkdir(parents=True)
            for k in range(2):
                Image.fromarray(np.full((4, 4), 100 * label + 10 * k, dtype=np.uint8)).save(place / f"{k}.png")
                self.entries.append({"file_name": f"{place.name}/{k}.png", "label": label, "class_name": name, "weight": 0.5 + k})
        self.write()

    def tearDown(self):
        self._folder.cleanup()

    def write(self):
        (self.folder / "train" / "metadata.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in self.entries))

    def test_images_labels_and_weights(self):
        data = ddoq.DistilledDataset(self.folder)
        self.assertEqual(data.classes, ["shirt/top", "bag"])
        batch = next(iter(torch.utils.data.DataLoader(data, batch_size=4)))
        self.assertEqual(batch.image.shape, (4, 1, 4, 4))
        np.testing.assert_allclose(batch.image[:, 0, 0, 0] * 255, [0, 10, 100, 110], rtol=1e-6)
        self.assertEqual(batch.label.tolist(), [0, 0, 1, 1])
        self.assertEqual(batch.weight.tolist(), [0.5, 1.5, 0.5, 1.5])
        self.assertEqual(data.sampler().weights.tolist(), [0.5, 1.5, 0.5, 1.5])

    def test_another_order_of_the_classes(self):
        write_safetensors(self.folder / "soft_labels.safetensors", {
            "logits": np.arange(8, dtype=np.float32).reshape(4, 2), "labels": np.array([0, 0, 1, 1], dtype=np.int32)}, {})
        data = ddoq.DistilledDataset(self.folder, class_order=["bag", "shirt/top"])
        self.assertEqual(data.labels.tolist(), [1, 1, 0, 0])
        self.assertEqual(data[3].soft_label.tolist(), [7, 6])
        with self.assertRaisesRegex(ValueError, "other names"):
            ddoq.DistilledDataset(self.folder, class_order=["bag", "hat"])

    def test_contradictions_are_named(self):
        self.entries[2]["class_name"] = "shirt/top"
        self.entries[1]["weight"] = -1
        self.write()
        with self.assertRaisesRegex(ValueError, "line 2: weight -1"):
            ddoq.DistilledDataset(self.folder)

    @unittest.skipUnless(importlib.util.find_spec("torchvision"), "there is no torchvision")
    def test_torchvisions_transforms_and_image_folder(self):
        from torchvision import datasets, transforms

        steps = transforms.Compose([transforms.Resize(2), transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])
        data = ddoq.DistilledDataset(self.folder, transform=steps)
        self.assertEqual(data[3].image.shape, (1, 2, 2))
        np.testing.assert_allclose(data[3].image, np.full((1, 2, 2), (110 / 255 - 0.5) / 0.5), rtol=1e-6)
        theirs = datasets.ImageFolder(self.folder / "train")
        self.assertEqual(theirs.classes, sorted(name.replace("/", "_") for name in data.classes))
        self.assertEqual([theirs.classes[label] for _, label in theirs], [data.classes[label].replace("/", "_") for label in data.labels[[2, 3, 0, 1]]])

    def test_weighted_loss_is_the_weighted_mean(self):
        logits, target = torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1])
        weight = torch.rand(5)
        losses = torch.nn.functional.cross_entropy(logits, target, reduction="none")
        torch.testing.assert_close(ddoq.weighted_cross_entropy(logits, target, weight), (losses * weight).mean())
        soft = torch.randn(5, 3)
        expected = torch.nn.functional.kl_div(
            torch.log_softmax(logits / 4, 1), torch.softmax(soft / 4, 1), reduction="none").sum(1)
        entropy = -(torch.softmax(soft / 4, 1) * torch.log_softmax(soft / 4, 1)).sum(1)
        torch.testing.assert_close(
            ddoq.weighted_cross_entropy(logits, soft, weight, temperature=4), ((expected + entropy) * weight).mean())


if __name__ == "__main__":
    unittest.main()
