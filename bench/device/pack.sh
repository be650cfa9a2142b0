#!/bin/bash
# Makes the folder that run.sh needs on a machine with a GPU and without .NET: pack.sh FOLDER [--tar]
#
# The program is compiled to machine code where that works, else published trimmed with its runtime.
set -eu -o pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
[ $# -ge 1 ] || { echo "error: no folder; allowed: pack.sh FOLDER [--tar]" >&2; exit 2; }
[ ! -e "$1" ] || [ -z "$(ls -A "$1")" ] || { echo "error: $1 is not empty" >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
project=$here/Ddoq.Bench.Device
publish=(dotnet publish "$project" -c Release -r linux-x64 -o "$folder/bin" -p:DebugType=none -p:DebugSymbols=false)
# No kernels inside: the machine with the GPU compiles them.
publish+=(-p:DdoqFatbin=none)
if "${publish[@]}" -p:DeviceAot=true; then
    echo "machine code"
else
    echo "machine code failed; with the runtime instead"
    rm -rf "$folder/bin"
    "${publish[@]}" --self-contained -p:PublishTrimmed=true -p:PublishSingleFile=true
fi
rm -f "$folder"/bin/*.dbg "$folder"/bin/*.xml "$folder"/bin/*.pdb
tar -C "$root" --exclude=bin --exclude=obj -cf - kernels native | tar -C "$folder" -xf -
cp "$root/CMakeLists.txt" "$root/LICENSE" "$here/run.sh" "$here/peers.py" "$here/report.py" "$here/README.md" "$folder/"
git -C "$root" rev-parse HEAD >"$folder/COMMIT" 2>/dev/null || true
kilobytes=$(du -sk "$folder" | cut -f1)
[ "$kilobytes" -lt 65536 ] || { echo "error: $folder has $kilobytes KiB; allowed: less than 64 MiB" >&2; exit 1; }
[ "${2:-}" != --tar ] || tar -C "$(dirname "$folder")" -czf "$folder.tar.gz" "$(basename "$folder")"
echo "$folder: $kilobytes KiB"
