"""Prompts of the text-conditional reference model: a byte-pair tokenizer in CLIP's format and a small text encoder."""

import json
import re

import torch
from torch import nn
from torch.nn import functional as F

LENGTH = 24  # tokens of every prompt, marks and padding included
WIDTH, DEPTH, HEADS = 96, 2, 4
START, END = "<|startoftext|>", "<|endoftext|>"
WORD = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|(?:[^\w\s]|_)+")

def prompt(template, name):
    return template.replace("{class}", name)


def byte_symbols():
    """Printable bytes stand for themselves, the others for the characters from 256 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [value for value in range(256) if value not in printable]
    return {value: chr(value) for value in printable} | {value: chr(256 + index) for index, value in enumerate(others)}


class Tokenizer:
    """Lower case, words end in </w>; merges are learnt until every word of the training prompts is one token."""

    def __init__(self, templates, class_names):
        self.symbols = byte_symbols()
        names = [name.replace("/", separator) for name in class_names for separator in "/ _"]
        words = sorted({word for template in templates for name in names for word in self.words(prompt(template, name))})
        order = list(self.symbols.values())
        self.vocabulary = {token: index for index, token in enumerate(order + [token + "</w>" for token in order])}
        self.merges = []
        split = [self.split(word) for word in words]
        while any(len(parts) > 1 for parts in split):
            counts = {}
            for parts in split:
                for pair in zip(parts, parts[1:]):
                    counts[pair] = counts.get(pair, 0) + 1
            best = min(counts, key=lambda pair: (-counts[pair], pair))
            self.merges.append(best)
            self.vocabulary["".join(best)] = len(self.vocabulary)
            split = [self.merge(parts, best) for parts in split]
        for mark in (START, END):
            self.vocabulary[mark] = len(self.vocabulary)
        self.ranks = {pair: rank for rank, pair in enumerate(self.merges)}

    def __len__(self):
        return len(self.vocabulary)

    @staticmethod
    def words(text):
        return WORD.findall(text.lower())

    def split(self, word):
        parts = [self.symbols[value] for value in word.encode("utf-8")]
        return parts[:-1] + [parts[-1] + "</w>"]

    @staticmethod
    def merge(parts, pair):
        merged, index = [], 0
        while index < len(parts):
            if tuple(parts[index:index + 2]) == pair:
                merged.append("".join(pair))
                index += 2
            else:
                merged.append(parts[index])
                index += 1
        return merged

    def encode(self, text):
        """LENGTH token numbers: start, words, end, padded with end."""
        tokens = []
        for word in self.words(text):
            parts = self.split(word)
            while len(parts) > 1:
                best = min(zip(parts, parts[1:]), key=lambda pair: self.ranks.get(pair, len(self.ranks)))
                if best not in self.ranks:
                    break
                parts = self.merge(parts, best)
            tokens += [self.vocabulary[part] for part in parts]
        end = self.vocabulary[END]
        tokens = [self.vocabulary[START], *tokens[:LENGTH - 2], end]
        return tokens + [end] * (LENGTH - len(tokens))

    def save(self, folder):
        """vocab.json, merges.txt and the two configuration files of a CLIP tokenizer."""
        folder.mkdir(parents=True, exist_ok=True)

        def write(name, text):
            (folder / name).write_text(text + "\n", encoding="utf-8")

        write("vocab.json", json.dumps(self.vocabulary, ensure_ascii=False, indent=0))
        write("merges.txt", "\n".join(["#version: 0.2", *(" ".join(pair) for pair in self.merges)]))
        write("tokenizer_config.json", json.dumps({
            "tokenizer_class": "CLIPTokenizer", "model_max_length": LENGTH, "do_lower_case": True,
            "bos_token": START, "eos_token": END, "pad_token": END, "unk_token": END}, indent=2))
        write("special_tokens_map.json", json.dumps(
            {"bos_token": START, "eos_token": END, "pad_token": END, "unk_token": END}, indent=2))


class LayerNorm(nn.LayerNorm):
    """In single precision, whatever the layers around it use."""

    def forward(self, x):
        return super().forward(x.float())


class Layer(nn.Module):
    """Causal attention and a squared-ReLU MLP, as residuals."""

    def __init__(self):
        super().__init__()
        self.attention_norm, self.mlp_norm = LayerNorm(WIDTH), LayerNorm(WIDTH)
        self.project_in, self.project_out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.expand, self.contract = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x, mask):
        qkv = self.project_in(self.attention_norm(x)).reshape(-1, LENGTH, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        weights = ((qkv[0] * (WIDTH // HEADS) ** -0.5) @ qkv[1].transpose(-1, -2) + mask).softmax(-1)
        x = x + self.project_out((weights @ qkv[2]).transpose(1, 2).reshape(-1, LENGTH, WIDTH))
        hidden = F.relu(self.expand(self.mlp_norm(x)))
        return x + self.contract(hidden * hidden)


class TextEncoder(nn.Module):
    """input_ids int64 [b, 24] -> last_hidden_state [b, 24, 96]."""

    def __init__(self, tokens):
        super().__init__()
        self.token_embedding = nn.Embedding(tokens, WIDTH)
        self.position_embedding = nn.Parameter(torch.randn(LENGTH, WIDTH) * 0.02)
        self.layers = nn.ModuleList(Layer() for _ in range(DEPTH))
        self.norm = LayerNorm(WIDTH)
        nn.init.normal_(self.token_embedding.weight, std=0.5)
        self.register_buffer("mask", torch.full((LENGTH, LENGTH), -1e4).triu(1), persistent=False)

    def forward(self, input_ids):
        x = self.token_embedding(input_ids) + self.position_embedding
        for layer in self.layers:
            x = layer(x, self.mask)
        return self.norm(x)
