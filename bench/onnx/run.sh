#!/bin/bash
# Joins ONNX Runtime and runs the networks on the device: run.sh OUTPUT [PROVIDER...]     (cpu cuda tensorrt)
#
# OUTPUT/results.jsonl grows by a line with each measurement. A provider that does not start is reported and the next
# one runs. Exit code: 1 when a provider's outputs differ from the CPU's, else 3 when one did not start, else 0.
set -u -o pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -ge 1 ] || { echo "error: no folder; allowed: run.sh OUTPUT [PROVIDER...]" >&2; exit 2; }
mkdir -p "$1"
output=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- cpu cuda tensorrt
runtime=${DDOQ_ORT_PATH:-$here/runtime}
if [ -z "${DDOQ_ORT_PATH:-}" ]; then
    python3 "$here/runtime_parts.py" join "$here/parts" "$runtime" || exit 1
fi

# Where torch's pip packages and toolkits keep cuBLAS, cuDNN, cuFFT, cuRAND, the runtime compiler and TensorRT.
folders=$(python3 - <<'PY'
import glob, os, site, sys
roots = [*site.getsitepackages(), site.getusersitepackages(), *(path for path in sys.path if path.endswith("-packages"))]
found = [folder for root in roots for pattern in ("nvidia/*/lib", "tensorrt_libs", "torch/lib") for folder in sorted(glob.glob(os.path.join(root, pattern)))]
found += sorted(glob.glob("/usr/local/cuda*/lib64"))
print(":".join(dict.fromkeys(found)))
PY
)
export LD_LIBRARY_PATH=$runtime${folders:+:$folders}${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
echo "library path: $LD_LIBRARY_PATH"
worst=0
for provider in "$@"; do
    for model in ${DDOQ_ONNX_MODELS:-fashion-mnist fashion-mnist-unet}; do
        echo "== $provider, $model"
        timeout "${DDOQ_ONNX_LIMIT:-120}" "$here/program/Ddoq.Bench.Onnx" --model "$here/models/$model" --provider "$provider" --ort-path "$runtime" \
            --engine-cache "$output/engines" --output "$output/results.jsonl" --batch-sizes "${DDOQ_ONNX_BATCHES:-1,8,64,256}" --seconds "${DDOQ_ONNX_SECONDS:-2}"
        code=$?
        echo "{\"provider\":\"$provider\",\"model\":\"$model\",\"exit_code\":$code}" >>"$output/results.jsonl"
        case $code in 0) ;; 3) [ $worst -ne 0 ] || worst=3 ;; *) worst=1 ;; esac
    done
done
rm -rf "$output/engines"
exit $worst
