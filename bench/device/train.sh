#!/bin/bash
# Trains the reference models of a data set on a GPU that is lent for minutes, on a machine without a network.
#
#   train.sh pack FOLDER DATA             here: FOLDER/data.tar.xz from the class folders or archives of DATA
#   train.sh run OUT FOLDER               there: trains and measures; OUT gets what is to come back; networks whose weights lie in
#                                         FOLDER/weights, from an earlier call that was cut off, are taken as they are
#   train.sh finish OUT FOLDER OUTPUT     here: exports what came back in OUT to OUTPUT/model, with its card
#
# OUT gets seven files of less than 16 MiB: weights/*.safetensors (four networks), evaluation.json, transformer.png, train.log.
# A finished network's weights are there from the moment it is finished.
#
# DDOQ_TRAIN_CONFIG   settings (default cifar10.toml of tools/reference_models)
# DDOQ_TRAIN_SECONDS  time of each network (default below: 440 s of training, about 8 minutes with reading, compiling, measuring)
# DDOQ_TRAIN_WORK     checkpoints and unpacked data (default FOLDER/work)
# DDOQ_PYTHON         python3 with torch, numpy and Pillow; for finish also with onnx
set -eu -o pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tools=$(cd "$here/../../tools/reference_models" && pwd)
python=${DDOQ_PYTHON:-python3}
config=${DDOQ_TRAIN_CONFIG:-$tools/cifar10.toml}
limit_bytes=$((45 * 1024 * 1024)) # so much may be carried beside the checkout

usage() {
    sed -n '2,16p' "${BASH_SOURCE[0]}"
    exit 2
}

fail() {
    printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
    exit 1
}

unpack() { # unpack FOLDER: prints the folder of the data set
    local data=${DDOQ_TRAIN_WORK:-$1/work}/data
    if [ ! -e "$data/complete" ]; then
        [ -f "$1/data.tar.xz" ] || fail "there is no $1/data.tar.xz" "make it with: train.sh pack $1 DATA"
        rm -rf "$data"
        mkdir -p "$data"
        # By Python, which has xz everywhere.
        "$python" -W ignore -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])' "$1/data.tar.xz" "$data" >&2
        touch "$data/complete"
    fi
    echo "$data/images"
}

case "${1:-}" in
pack)
    [ $# -eq 3 ] || usage
    [ -d "$3" ] || fail "there is no folder $3" "give the folder with train/ and test/"
    mkdir -p "$2"
    # Small JPEGs are half headers, all the same: packed together they are a third of the size.
    tar -C "$3" --mode u+w --transform 's,^\.,images,' -cf - . | xz -6 >"$2/data.tar.xz.tmp"
    bytes=$(stat -c %s "$2/data.tar.xz.tmp")
    [ "$bytes" -le $limit_bytes ] || fail "$3 packs to $bytes bytes; allowed are $limit_bytes" "take fewer classes or images"
    mv "$2/data.tar.xz.tmp" "$2/data.tar.xz"
    echo "$2/data.tar.xz: $bytes bytes"
    ;;
run)
    [ $# -eq 3 ] || usage
    mkdir -p "$2/weights"
    out=$(cd "$2" && pwd)
    work=${DDOQ_TRAIN_WORK:-$3/work}
    mkdir -p "$work"
    [ ! -d "$3/weights" ] || cp -n "$3"/weights/*.safetensors "$out/weights/"
    [ -e "$work/weights" ] || ln -s "$out/weights" "$work/weights"
    keep() { # what is complete comes back, however the training ends
        cp -f "$work/evaluation.json" "$work/transformer.png" "$out/" 2>/dev/null || true
    }
    trap keep EXIT
    read -r -a seconds <<<"${DDOQ_TRAIN_SECONDS:-autoencoder=110 teacher=80 decoder=50 transformer=200}"
    {
        date -u
        nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv,noheader 2>/dev/null || echo "no GPU"
        PYTHONUNBUFFERED=1 "$python" "$tools/train.py" --config "$config" --data "$(unpack "$3")" --output "$work" --no-export --seconds "${seconds[@]}"
        date -u
    } 2>&1 | tee -a "$out/train.log"
    ;;
finish)
    [ $# -eq 4 ] || usage
    [ -f "$2/weights/transformer.safetensors" ] || fail "$2 has no weights/transformer.safetensors" "copy $2/weights to $3/weights and run again: what is finished is kept"
    mkdir -p "$4/weights"
    cp "$2"/weights/*.safetensors "$4/weights/"
    if [ -f "$2/evaluation.json" ]; then cp "$2/evaluation.json" "$4/"; else echo "no figures came back: measuring here"; fi
    "$python" "$tools/train.py" --config "$config" --data "$(unpack "$3")" --output "$4"
    ;;
*)
    usage
    ;;
esac
