#!/bin/bash
# More minutes on a machine with a GPU, after first.sh: second.sh OUT. What is left of compute-sanitizer's checks, the
# kernels as the machine's own compiler makes them, the library for C programs, ONNX Runtime. Ends within nine minutes.
. "$(dirname "${BASH_SOURCE[0]}")/steps.sh"
[ $# -eq 1 ] || { echo "error: no output folder; allowed: second.sh OUT" >&2; exit 2; }
begin "$1" 540
run facts 20
begin_compiling 200
run probe 15
run ceilings 40
run onnx 150 30
finish_compiling
run native 30
run kernels_fresh 90 20
run memcheck 60 15
run racecheck 90 15
run initcheck 60 15
run synccheck 60 15
run peers 60 20
finish
