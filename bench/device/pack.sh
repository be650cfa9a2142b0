#!/bin/bash
# Makes artifacts/device, what first.sh and second.sh need beside a checkout on a machine without .NET: the program as
# machine code, and the kernels compiled here, so that nothing waits for a compiler there. Needs .NET, nvcc and CMake.
set -eu -o pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
folder=${1:-$root/artifacts/device}
fatbin=$root/build/native/kernels/ddoq_kernels.fatbin
cmake -S "$root" -B "$root/build/native" >/dev/null
cmake --build "$root/build/native" --target ddoq_fatbin || {
    echo "error: the kernels were not compiled" >&2
    echo "hint: install nvcc 11.8 or newer; CMake says what it looked for" >&2
    exit 1
}
rm -rf "$folder"
mkdir -p "$folder"
# No kernels inside the program: DDOQ_KERNELS says which, those carried or those compiled on the machine.
dotnet publish "$here/Ddoq.Bench.Device" -c Release -r linux-x64 -o "$folder/bin" -p:DebugType=none -p:DebugSymbols=false \
    -p:DdoqFatbin=none -p:DeviceAot=true
mv "$folder/bin/Ddoq.Bench.Device" "$folder/"
rm -rf "$folder/bin"
cp "$fatbin" "$folder/"
{ git -C "$root" rev-parse HEAD && git -C "$root" status --short -- kernels src/Ddoq src/Ddoq.Cuda bench/device; } >"$folder/COMMIT" 2>/dev/null || true
du -sh "$folder"
