"""A distilled set as a torch dataset."""
from __future__ import annotations

import json
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple, Optional, Union

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset, WeightedRandomSampler

from ._stores import read_safetensors


class DistilledSample(NamedTuple):
    """One image of a distilled set, as the default collation of torch's DataLoader takes it."""

    image: Any
    """What ``transform`` made of the PIL image; without one a float tensor [3, H, W] (or [1, H, W] of grey images) in [0, 1]."""
    label: int
    weight: float
    soft_label: Any
    """The teacher's logits [C], or an empty tensor when the set has none."""


class DistilledDataset(Dataset):
    """The images of a distilled set with their labels, weights and soft labels.

    folder
        What ``ddoq distill`` or ``ddoq select`` wrote: ``train/metadata.jsonl`` and the images beside it.
    transform
        Called with each PIL image, as torchvision's transforms are.
    class_order
        The names of the classes in the order in which labels count; None keeps the order of the source's labels.

    Raises ValueError where metadata, images or soft labels contradict each other, with file and line.
    """

    def __init__(
        self,
        folder: Union[str, "pathlib.Path"],
        transform: Optional[Callable[[Any], Any]] = None,
        class_order: Optional[list[str]] = None,
    ) -> None:
        self.folder = pathlib.Path(folder)
        self.transform = transform
        root = self.folder / "train"
        metadata = root / "metadata.jsonl"
        if not metadata.is_file():
            raise ValueError(f"'{metadata}' does not exist: '{folder}' is no distilled set")
        files, labels, weights, names = [], [], [], {}
        for number, line in enumerate(metadata.read_text(encoding="utf-8").splitlines(), 1):
            where = f"'{metadata}', line {number}"
            try:
                entry = json.loads(line)
                label, name, weight = int(entry["label"]), str(entry["class_name"]), float(entry["weight"])
                files.append(root / entry["file_name"])
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{where}: {error!r}; file_name, label, class_name and weight are needed") from error
            if not np.isfinite(weight) or weight < 0:
                raise ValueError(f"{where}: weight {weight}, allowed are finite numbers from 0")
            if names.setdefault(label, name) != name:
                raise ValueError(f"{where}: label {label} is '{name}', and '{names[label]}' on a line before")
            labels.append(label)
            weights.append(weight)
        if not files:
            raise ValueError(f"'{metadata}' has no images")
        self.classes, mapping = _order(names, class_order)
        self.files = files
        self.labels = np.array([mapping[label] for label in labels], dtype=np.int64)
        self.weights = np.array(weights, dtype=np.float32)
        self.soft_labels = self._soft_labels(np.array(labels), mapping)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> DistilledSample:
        with Image.open(self.files[index]) as opened:
            image: Any = opened.copy()
        image = self.transform(image) if self.transform else _to_tensor(image)
        soft = torch.empty(0) if self.soft_labels is None else torch.from_numpy(self.soft_labels[index])
        return DistilledSample(image, int(self.labels[index]), float(self.weights[index]), soft)

    def sampler(self, num_samples: Optional[int] = None, generator: Optional[torch.Generator] = None) -> WeightedRandomSampler:
        """Draws images in proportion to their weights, for losses that take none."""
        return WeightedRandomSampler(self.weights.tolist(), num_samples or len(self), generator=generator)

    def _soft_labels(self, labels: Any, mapping: dict[int, int]) -> Any:
        path = self.folder / "soft_labels.safetensors"
        if not path.is_file():
            return None
        tensors, _ = read_safetensors(path)
        logits, stored = tensors["logits"], tensors["labels"]
        if len(logits) != len(labels) or not np.array_equal(stored, labels):
            raise ValueError(f"'{path}' is of another set: its labels are not those of metadata.jsonl")
        if logits.shape[1] != len(mapping):
            raise ValueError(f"'{path}' has logits of {logits.shape[1]} classes, the set has {len(mapping)}")
        result = np.empty_like(logits)
        for source, target in mapping.items():
            result[:, target] = logits[:, source]
        return result


def weighted_cross_entropy(
    logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor, temperature: float = 1.0
) -> torch.Tensor:
    """The mean over the batch of weight times cross-entropy: the loss that a distilled set is made for.

    logits
        [B, C] of the student.
    target
        [B] class indices, or [B, C] the teacher's logits, compared as softmax(z / T).
    weight
        [B] the images' weights.
    """
    if target.dim() == 1:
        losses = torch.nn.functional.cross_entropy(logits, target, reduction="none")
    else:
        soft = torch.softmax(target / temperature, dim=1)
        losses = -(soft * torch.log_softmax(logits / temperature, dim=1)).sum(dim=1)
    return (losses * weight.to(losses.dtype)).mean()


def _order(names: dict[int, str], order: Optional[list[str]]) -> tuple[list[str], dict[int, int]]:
    """Class names in label order, and what each label of the set becomes."""
    if sorted(names) != list(range(len(names))):
        missing = next(label for label in range(len(names) + 1) if label not in names)
        raise ValueError(f"labels are not 0 to C - 1: no image has label {missing}")
    found = [names[label] for label in range(len(names))]
    if order is None:
        return found, {label: label for label in names}
    if sorted(order) != sorted(found):
        raise ValueError(f"class_order has other names than the set: {sorted(set(order) ^ set(found))[:5]}")
    position = {name: index for index, name in enumerate(order)}
    return list(order), {label: position[name] for label, name in names.items()}


def _to_tensor(image: Any) -> torch.Tensor:
    array = np.array(image.convert("L" if image.mode in ("1", "L") else "RGB"), dtype=np.float32) / 255
    return torch.from_numpy(array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1)))
