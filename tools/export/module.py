"""A torch.nn.Module of one's own: found by the file and function that make it."""

import importlib.util
from pathlib import Path

import torch

import checks


def load(reference, checkpoint=None):
    """The module that 'file.py:function' makes, with the weights of a checkpoint where one is given.

    The function takes no argument. A checkpoint is a state dictionary, plain or under the key 'state_dict' or 'model'; the
    prefix 'module.' of parallel training is dropped.
    """
    file, _, name = reference.rpartition(":")
    if not file or not Path(file).is_file():
        raise checks.ExportError(f"'{reference}' names no file and function", "give FILE.py:FUNCTION, where FUNCTION() returns the module")
    spec = importlib.util.spec_from_file_location(Path(file).stem, file)
    source = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(source)
    if not hasattr(source, name):
        raise checks.ExportError(f"{file} has no '{name}'", "name a function of that file that returns the module")
    network = getattr(source, name)()
    if not isinstance(network, torch.nn.Module):
        raise checks.ExportError(f"{reference} gives {type(network).__name__}, not a torch.nn.Module", "return the module itself")
    if checkpoint:
        load_weights(network, checkpoint)
    return network.eval()


def load_weights(network, checkpoint):
    """Puts a checkpoint's weights into a module."""
    state = torch.load(checkpoint, map_location="cpu")
    for key in ("state_dict", "model"):
        state = state.get(key, state)
    network.load_state_dict({key.removeprefix("module."): value for key, value in state.items()})
