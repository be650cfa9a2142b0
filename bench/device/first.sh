#!/bin/bash
# The first minutes on a machine with a GPU: is it right, and how fast is it? first.sh OUT, in a checkout that has the
# package of pack.sh in artifacts/device. Ends within 6.5 minutes; README.md says what comes back.
. "$(dirname "${BASH_SOURCE[0]}")/steps.sh"
[ $# -eq 1 ] || { echo "error: no output folder; allowed: first.sh OUT" >&2; exit 2; }
begin "$1" 390
run facts 20
begin_compiling 200
run probe 15
run check_loss 30
run check_clvq 20
run check_gram 30
run check_quantizer 60
run ceilings 40
run kernels 90 20
run cluster 100 30
finish_compiling
run fresh 60 10
run peers 60 20
run profile 70 20
run memcheck 60 20
run racecheck 60 20
finish
