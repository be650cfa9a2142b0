"""Small random networks with the interfaces of Stable Diffusion 1.5 and DiT-XL/2, and a PyTorch run of the same weights.

    torch_twins.py FOLDER

FOLDER/request.json names prompts and classes; noise.*.bin and prototypes.*.bin hold little-endian float32. Written are model
folders (sd, sd-older, sd-half, dit) and the expected latents and images as *.expected.bin. The sampling here is written
from the papers' formulas in double precision, apart from the program under test. Exits with 77 where packages are missing.
"""

import json
import math
import re
import sys
import warnings
from pathlib import Path

try:
    import numpy as np
    import onnx
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError as error:
    print(error)
    sys.exit(77)

VOCABULARY, LENGTH, WIDTH = 49408, 77, 768
BOS, EOS = VOCABULARY - 2, VOCABULARY - 1
CLASSES = 1000
SCALE = 0.18215
SEED = 5


# ---- networks -------------------------------------------------------------------------------------------------------

def waves(timestep, count=16):
    angles = timestep.float().reshape(-1, 1) * torch.exp(-math.log(10_000) * torch.arange(count) / count)
    return torch.cat([angles.cos(), angles.sin()], -1)


class TextEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.token, self.place = nn.Embedding(VOCABULARY, 16), nn.Parameter(torch.randn(LENGTH, 16))
        self.out = nn.Linear(16, WIDTH)
        self.register_buffer("mask", torch.full((LENGTH, LENGTH), -1e4).triu(1))

    def forward(self, input_ids):
        x = self.token(input_ids.long()) + self.place
        x = x + (x @ x.transpose(1, 2) / 4 + self.mask).softmax(-1) @ x
        return torch.tanh(self.out(x))


class UNet(nn.Module):
    """Down by four, attention to the prompt with two heads, up again."""

    def __init__(self):
        super().__init__()
        self.conv_in, self.conv_out = nn.Conv2d(4, 32, 4, stride=4), nn.Conv2d(32, 4, 3, padding=1)
        self.time, self.norm = nn.Linear(32, 32), nn.GroupNorm(8, 32)
        self.query, self.key, self.value = nn.Linear(32, 32), nn.Linear(WIDTH, 32), nn.Linear(WIDTH, 32)

    def forward(self, sample, timestep, encoder_hidden_states):
        dtype = sample.dtype
        sample, states = sample.float(), encoder_hidden_states.float()
        x = F.silu(self.norm(self.conv_in(sample)) + self.time(waves(timestep)).unsqueeze(-1).unsqueeze(-1))
        height, width = x.shape[2], x.shape[3]
        rows = x.flatten(2).transpose(1, 2)

        def heads(tensor):
            return tensor.reshape(tensor.shape[0], -1, 2, 16).transpose(1, 2)

        query, key, value = heads(self.query(rows)), heads(self.key(states)), heads(self.value(states))
        mixed = ((query @ key.transpose(-1, -2)) / 4).softmax(-1) @ value
        rows = rows + mixed.transpose(1, 2).reshape(rows.shape)
        x = rows.transpose(1, 2).reshape(-1, 32, height, width)
        return (0.5 * sample + 0.3 * self.conv_out(F.interpolate(x, scale_factor=4.0, mode="nearest"))).to(dtype)


class DiT(nn.Module):
    """Patches of two, one adaptive block, eight output channels."""

    def __init__(self):
        super().__init__()
        self.patch, self.out = nn.Linear(16, 32), nn.Linear(32, 32)
        self.time, self.label = nn.Linear(32, 32), nn.Embedding(CLASSES + 1, 32)
        self.modulation, self.qkv = nn.Linear(32, 96), nn.Linear(32, 96)

    def forward(self, hidden_states, timestep, class_labels):
        size = hidden_states.shape[2] // 2
        x = hidden_states.reshape(-1, 4, size, 2, size, 2).permute(0, 2, 4, 1, 3, 5).reshape(-1, size * size, 16)
        x = self.patch(x)
        condition = F.silu(self.time(waves(timestep)) + self.label(class_labels))
        shift, scale, gate = self.modulation(condition).unsqueeze(1).chunk(3, -1)
        query, key, value = self.qkv(F.layer_norm(x, (32,)) * (1 + scale) + shift).chunk(3, -1)
        x = x + gate * ((query @ key.transpose(1, 2) / 6).softmax(-1) @ value)
        x = self.out(x).reshape(-1, size, size, 8, 2, 2).permute(0, 3, 1, 4, 2, 5).reshape(-1, 8, 2 * size, 2 * size)
        return torch.cat([0.5 * hidden_states + 0.3 * x[:, :4], torch.tanh(x[:, 4:])], 1)


class Encoder(nn.Module):
    def __init__(self, outputs=8):
        super().__init__()
        self.conv, self.outputs = nn.Conv2d(3, 8, 8, stride=8), outputs

    def forward(self, sample):
        return self.conv(sample)[:, :self.outputs]


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 192, 3, padding=1)

    def forward(self, latent_sample):
        return torch.tanh(F.pixel_shuffle(self.conv(latent_sample), 8))


# ---- files ----------------------------------------------------------------------------------------------------------

def export(module, inputs, names, output, folder, axes, external=False):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, inputs, str(path), opset_version=14, input_names=names, output_names=[output], dynamic_axes=axes)
    if external:
        model = onnx.load(str(path))
        path.unlink()
        onnx.save_model(model, str(path), save_as_external_data=True, all_tensors_to_one_file=True, location="model.onnx_data", size_threshold=256)


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def symbols():
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [value for value in range(256) if value not in printable]
    return {value: chr(value) for value in printable} | {value: chr(256 + index) for index, value in enumerate(others)}


class Tokenizer:
    """CLIP's scheme with a few merges; the rest of the vocabulary is filled so that the marks have CLIP's numbers."""

    def __init__(self):
        self.symbols = symbols()
        order = list(self.symbols.values())
        tokens = order + [token + "</w>" for token in order]
        self.merges = [("p", "h"), ("ph", "o"), ("t", "o</w>"), ("pho", "to</w>"), ("o", "f</w>"), ("b", "a"), ("ba", "g</w>"), ("e", "n"), ("t", "en")]
        tokens += ["".join(pair) for pair in self.merges]
        tokens += [f"filler{index}</w>" for index in range(VOCABULARY - 2 - len(tokens))]
        self.numbers = {token: index for index, token in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}

    def encode(self, text):
        numbers = []
        for word in re.findall(r"[^\W\d_]+|\d|(?:[^\w\s]|_)+", text.lower()):
            parts = [self.symbols[value] for value in word.encode("utf-8")]
            parts[-1] += "</w>"
            for left, right in self.merges:
                index = 0
                while index + 1 < len(parts):
                    if parts[index:index + 2] == [left, right]:
                        parts[index:index + 2] = [left + right]
                    index += 1
            numbers += [self.numbers[part] for part in parts]
        return ([BOS, *numbers] + [EOS] * LENGTH)[:LENGTH]

    def save(self, folder):
        write(folder / "vocab.json", self.numbers)
        (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *(" ".join(pair) for pair in self.merges)]) + "\n", encoding="utf-8")


def save_common(folder, network, network_config, scheduler, index):
    vae = {"_class_name": "AutoencoderKL", "latent_channels": 4, "block_out_channels": [1, 1, 1, 1], "scaling_factor": SCALE}
    write(folder / "model_index.json", index)
    write(folder / network / "config.json", network_config)
    write(folder / "vae_encoder/config.json", vae)
    write(folder / "vae_decoder/config.json", vae)
    write(folder / "scheduler/scheduler_config.json", scheduler)


IMAGE = {"sample": {0: "batch_size", 1: "num_channels", 2: "height", 3: "width"}}
LATENT = {"latent_sample": {0: "batch_size", 1: "num_channels_latent", 2: "height_latent", 3: "width_latent"}}


def save_autoencoder(folder, encoder, decoder, size, output="latent_parameters"):
    export(encoder, (torch.zeros(2, 3, size, size),), ["sample"], output, folder / "vae_encoder", IMAGE | {output: {0: "batch_size"}})
    export(decoder, (torch.zeros(2, 4, size // 8, size // 8),), ["latent_sample"], "sample", folder / "vae_decoder", LATENT | IMAGE)


def save_sd(folder, text, unet, encoder, decoder, tokenizer, timestep, axis, ids=torch.int64, floats=torch.float32, output="latent_parameters", external=False):
    axes = {name: {0: "batch_size"} for name in ("sample", "encoder_hidden_states", "out_sample")}
    if axis:
        axes["timestep"] = {0: axis}
    export(text, (torch.zeros(2, LENGTH, dtype=ids),), ["input_ids"], "last_hidden_state", folder / "text_encoder",
           {"input_ids": {0: "batch_size", 1: "sequence_length"}, "last_hidden_state": {0: "batch_size", 1: "sequence_length"}}, external)
    export(unet, (torch.zeros(2, 4, 64, 64, dtype=floats), timestep, torch.zeros(2, LENGTH, WIDTH, dtype=floats)),
           ["sample", "timestep", "encoder_hidden_states"], "out_sample", folder / "unet", axes, external)
    save_autoencoder(folder, encoder, decoder, 512, output)
    tokenizer.save(folder / "tokenizer")
    write(folder / "text_encoder/config.json", {"hidden_size": WIDTH})
    save_common(folder, "unet", {"sample_size": 64, "in_channels": 4, "out_channels": 4, "cross_attention_dim": WIDTH},
                {"_class_name": "PNDMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
                 "set_alpha_to_one": False, "steps_offset": 1, "skip_prk_steps": True, "clip_sample": False},
                {"_class_name": "StableDiffusionPipeline"})


# ---- sampling in double precision -----------------------------------------------------------------------------------

def ddim(predict, sample, bars, times, last):
    for time, following in zip(times, [*times[1:], None]):
        now, after = bars[time], last if following is None else bars[following]
        noise = predict(sample, time)[:, :4]
        clean = (sample - math.sqrt(1 - now) * noise) / math.sqrt(now)
        sample = math.sqrt(after) * clean + math.sqrt(1 - after) * noise
    return sample


def plms(predict, sample, bars, times, last):
    """Linear multistep of order four; the first interval is done twice, with the mean of the noise at both its ends."""
    def move(x, time, after, noise):
        now = bars[time]
        return math.sqrt(after / now) * x - (after - now) * noise / (now * math.sqrt(1 - after) + math.sqrt(now * (1 - now) * after))

    levels = [*[bars[time] for time in times[1:]], last]
    past = [predict(sample, times[0])]
    moved = move(sample, times[0], levels[0], past[0])
    sample = move(sample, times[0], levels[0], (past[0] + predict(moved, times[1])) / 2)
    weights = {2: [3, -1], 3: [23, -16, 5], 4: [55, -59, 37, -9]}
    for index in range(1, len(times)):
        past = [predict(sample, times[index]), *past][:4]
        order = len(past)
        noise = sum(weight * value for weight, value in zip(weights[order], past)) / sum(weights[order])
        sample = move(sample, times[index], levels[index], noise)
    return sample


def ancestral(predict, sample, bars, times, draws):
    """DDPM over the kept timesteps, with the variance between its bounds that the network asks for."""
    for index, time in enumerate(times):
        now, after = bars[time], bars[times[index + 1]] if index + 1 < len(times) else 1.0
        beta = 1 - now / after
        values = predict(sample, time)
        clean = (sample - math.sqrt(1 - now) * values[:, :4]) / math.sqrt(now)
        mean = (math.sqrt(after) * beta * clean + math.sqrt(1 - beta) * (1 - after) * sample) / (1 - now)
        if index + 1 == len(times):
            return mean
        smallest = beta * (1 - after) / (1 - now)
        share = (values[:, 4:] + 1) / 2
        sample = mean + torch.exp(0.5 * (share * math.log(beta) + (1 - share) * math.log(smallest))) * draws[index]


def bars_of(start, end, scaled):
    power = 0.5 if scaled else 1.0
    return np.cumprod(1 - np.linspace(start ** power, end ** power, 1000) ** (1 / power)).tolist()


def guided(network, conditional, unconditional, scale, channels):
    def predict(sample, time):
        rows = sample.float()
        times = torch.full((len(rows),), time, dtype=torch.int64)
        first, second = network(rows, times, conditional).double(), network(rows, times, unconditional).double()
        result = first.clone()
        result[:, :channels] = second[:, :channels] + scale * (first[:, :channels] - second[:, :channels])
        return result
    return predict


def main():
    folder = Path(sys.argv[1])
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)

    def read(name, *shape):
        return torch.from_numpy(np.fromfile(folder / f"{name}.bin", np.float32).reshape(*shape).copy())

    def save(name, tensor):
        tensor.float().contiguous().numpy().tofile(folder / f"{name}.expected.bin")

    tokenizer, text, unet, dit = Tokenizer(), TextEncoder().eval(), UNet().eval(), DiT().eval()
    encoder, decoder = Encoder().eval(), Decoder().eval()
    save_sd(folder / "sd", text, unet, encoder, decoder, tokenizer, torch.tensor([1]), "steps")
    older = Encoder(4)
    older.load_state_dict(encoder.state_dict())
    save_sd(folder / "sd-older", text, unet, older, decoder, tokenizer, torch.tensor(1.0), None, ids=torch.int32, output="latent_sample", external=True)
    save_sd(folder / "sd-half", text, unet, encoder, decoder, tokenizer, torch.tensor([1.0, 1.0]), "batch_size", floats=torch.float16)
    axes = {name: {0: "batch"} for name in ("hidden_states", "timestep", "class_labels", "noise_pred")}
    ones = torch.ones(2, dtype=torch.int64)
    export(dit, (torch.zeros(2, 4, 32, 32), ones, ones), ["hidden_states", "timestep", "class_labels"], "noise_pred", folder / "dit/transformer", axes)
    save_autoencoder(folder / "dit", encoder, decoder, 256)
    save_common(folder / "dit", "transformer", {"sample_size": 32, "in_channels": 4, "out_channels": 8, "num_embeds_ada_norm": CLASSES},
                {"_class_name": "DDIMScheduler", "beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear", "set_alpha_to_one": True, "steps_offset": 0, "clip_sample": False},
                {"_class_name": "DiTPipeline", "id2label": {str(index): f"class {index}" for index in range(CLASSES)}})

    steps, scale = request["steps"], request["guidance_scale"]
    classes = torch.tensor(request["classes"])
    count = len(classes)
    begin = steps - int(steps * request["strength"])

    # Stable Diffusion: from the prototypes with DDIM, from noise with PLMS.
    states = text(torch.tensor([tokenizer.encode(prompt) for prompt in request["prompts"]]))
    negative = text(torch.tensor([tokenizer.encode(request["negative_prompt"])])).expand_as(states)
    predict = guided(unet, states, negative, scale, 4)
    bars = bars_of(0.00085, 0.012, scaled=True)
    times = [index * (1000 // steps) + 1 for index in reversed(range(steps))]
    prototypes, noise = read("prototypes.sd", count, 4, 64, 64).double(), read("noise.sd", count, 4, 64, 64).double()
    start = math.sqrt(bars[times[begin]]) * prototypes + math.sqrt(1 - bars[times[begin]]) * noise
    for name, latents in {"sd.ddim": ddim(predict, start, bars, times[begin:], bars[0]), "sd.pndm": plms(predict, noise, bars, times, bars[0])}.items():
        save(name, latents)
        save(f"{name}.images", decoder((latents / SCALE).float()))
    images = read("images", 2, 3, 512, 512)
    save("sd.encoded", encoder(images)[:, :4] * SCALE)

    # DiT: DDIM with all channels guided, ancestral with three.
    bars = bars_of(1e-4, 0.02, scaled=False)
    null = torch.full_like(classes, CLASSES)
    prototypes, noise = read("prototypes.dit", count, 4, 32, 32).double(), read("noise.dit", steps, count, 4, 32, 32).double()
    for name, times, channels in [("dit.ddim", [index * (1000 // steps) for index in reversed(range(steps))], 4),
                                  ("dit.ddpm", [round(index * 999 / (steps - 1)) for index in reversed(range(steps))], 3)]:
        predict = guided(dit, classes, null, scale, channels)
        start = math.sqrt(bars[times[begin]]) * prototypes + math.sqrt(1 - bars[times[begin]]) * noise[0]
        latents = ddim(predict, start, bars, times[begin:], 1.0) if channels == 4 else ancestral(predict, start, bars, times[begin:], noise[1:])
        save(name, latents)
        save(f"{name}.images", decoder((latents / SCALE).float()))


if __name__ == "__main__":
    main()
