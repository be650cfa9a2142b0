"""make_shards.py FOLDER KIND: WebDataset shards from the files FOLDER/images/<label>_<i>.png, written through a stream as that
library does; KIND is cls, json, txt or mixed. Prints shard, member, label, offset and length of each image."""
import io
import json
import pathlib
import sys
import tarfile

folder, kind = pathlib.Path(sys.argv[1]), sys.argv[2]
files = sorted((folder / "images").iterdir())
PER_SHARD = 4


def add(tar, name, content):
    member = tarfile.TarInfo(name)
    member.size, member.mtime = len(content), 1700000000.25
    tar.addfile(member, io.BytesIO(content))


for shard in range((len(files) + PER_SHARD - 1) // PER_SHARD):
    path = folder / f"train-{shard:06d}.tar"
    labels = {}
    with tarfile.open(path, "w|") as tar:
        for i, file in enumerate(files[shard * PER_SHARD:(shard + 1) * PER_SHARD]):
            label = file.stem.split("_")[0]
            key = f"part.one/{file.stem}"
            labels[key] = label
            how = ["cls", "json", "txt"][i % 3] if kind == "mixed" else kind
            image = (f"{key}.png" if i % 2 else f"{key}.input.PNG", file.read_bytes())
            text = {"cls": label, "json": json.dumps({"caption": "none", "label": int(label) if label.isdigit() else label}), "txt": f"{label}\n"}[how]
            members = [image, (f"{key}.{how}", text.encode())]
            for name, content in members if i % 2 else reversed(members):
                add(tar, name, content)
            add(tar, f"{key}.index", b"7")
    with tarfile.open(path) as tar:
        for member in tar.getmembers():
            if member.name.lower().endswith(".png"):
                key = "part.one/" + member.name.split("/")[1].split(".")[0]
                print(path.name, member.name, labels[key], member.offset_data, member.size, sep="\t")
