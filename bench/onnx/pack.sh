#!/bin/bash
# Makes the folder that run.sh needs on a machine with a GPU, without .NET or a network: pack.sh FOLDER
#
# FOLDER/program, FOLDER/models and FOLDER/parts/parts.json are small and go with every call; the parts of ONNX Runtime
# (runtime_parts.py) may go one by one.
set -eu -o pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
[ $# -eq 1 ] || { echo "error: one folder; allowed: pack.sh FOLDER" >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
dotnet publish "$here/Ddoq.Bench.Onnx" -c Release -r linux-x64 -o "$folder/program" -p:OrtNative=None -p:DebugType=none -p:DebugSymbols=false
rm -f "$folder"/program/*.dbg "$folder"/program/*.xml
dotnet build "$root/src/Ddoq.Cli" -c Release -p:OrtNative=Gpu -t:Restore -v quiet
package=$(dotnet nuget locals global-packages --list | sed 's/^[^:]*: //')microsoft.ml.onnxruntime.gpu.linux
version=$(sed -n 's/.*"Microsoft.ML.OnnxRuntime.Gpu.Linux" Version="\([^"]*\)".*/\1/p' "$root/Directory.Packages.props")
python3 "$here/runtime_parts.py" pack "$package/$version/runtimes/linux-x64/native" "$folder/parts"
rm -rf "$folder/models"
cp -r "$root/models" "$folder/models"
cp "$here/run.sh" "$here/runtime_parts.py" "$folder/"
du -sh "$folder"/*
