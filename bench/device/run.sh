#!/bin/bash
# Checks and measures the kernels on the GPU of this machine.
#
#   run.sh OUT [STEP...]        steps: facts compile native check memcheck racecheck initcheck synccheck kernels cluster peers
#   run.sh OUT --part PART      tests (facts to check), sanitizer (the four checks) or bench (kernels to peers); or all
#
# A part, or a call without steps, leaves out what has passed in OUT already: call again until nothing is left.
# Needs nvcc and g++; python3 with torch and triton for the peers; no .NET and no network. Every step has its own log in
# OUT and a line in OUT/steps.tsv; a step that fails does not stop the others; OUT/results.json and results.md join them.
# Exit code 1 when a step of this call failed, 3 when some are left for another call.
#
# DDOQ_CALL_SECONDS limits a call (default 570: machines are often lent for ten minutes at a time), DDOQ_STEP_SECONDS a
# step (default 540). DDOQ_CLUSTER gives other arguments to `cluster`. DDOQ_CUDA_DRIVER naming
# the emulated driver runs the checks without a GPU: that proves logic, not speed.
set -u -o pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ $# -lt 1 ]; then
    sed -n '2,14p' "${BASH_SOURCE[0]}"
    exit 2
fi
mkdir -p "$1/logs" || exit 2
out=$(cd "$1" && pwd)
shift
all="facts compile native check memcheck racecheck initcheck synccheck kernels cluster peers"
resume=0
if [ $# -eq 0 ]; then
    set -- --part all
fi
if [ "$1" = --part ]; then
    case "${2:-}" in
    tests) wanted="facts compile native check" ;;
    sanitizer) wanted="memcheck racecheck initcheck synccheck" ;;
    bench) wanted="kernels cluster peers" ;;
    all) wanted=$all ;;
    *)
        echo "error: there is no part '${2:-}'; allowed: tests, sanitizer, bench, all" >&2
        exit 2
        ;;
    esac
    resume=1
    read -r -a steps <<<"$wanted"
else
    steps=("$@")
    for step in "${steps[@]}"; do
        case " $all " in
        *" $step "*) ;;
        *)
            echo "error: there is no step '$step'; allowed: $all" >&2
            exit 2
            ;;
        esac
    done
fi

limit=${DDOQ_STEP_SECONDS:-540}
call_limit=${DDOQ_CALL_SECONDS:-570}
Shortest=15 # seconds that a step is started with at least
CutOff=78
Skipped=77 # exit code of a step that has nothing to run on; its last line says why
program=${DDOQ_DEVICE_PROGRAM:-$here/bin/Ddoq.Bench.Device}
python=${DDOQ_PYTHON:-python3}
cuda=${CUDA_HOME:-/usr/local/cuda}
build=$out/build
emulated=""
case "${DDOQ_CUDA_DRIVER:-}" in
*emulated*) emulated=$DDOQ_CUDA_DRIVER ;;
esac
if [ -n "$emulated" ]; then
    export DDOQ_KERNELS=${DDOQ_KERNELS:-$(dirname "$emulated")/ddoq_kernels.emulated}
else
    export DDOQ_KERNELS=${DDOQ_KERNELS:-$build/ddoq_kernels.fatbin}
fi

skip() {
    echo "skipped: $1"
    exit $Skipped
}

tool() { # a program of the toolkit: on PATH, else in its folder
    command -v "$1" || { [ -x "$cuda/bin/$1" ] && echo "$cuda/bin/$1"; } || { [ -x "$cuda/compute-sanitizer/$1" ] && echo "$cuda/compute-sanitizer/$1"; }
}

step_facts() {
    date -u
    uname -sr
    lscpu | grep -E '^(Model name|CPU\(s\))'
    grep MemTotal /proc/meminfo
    local compiler
    compiler=$(tool nvcc) && "$compiler" --version
    command -v nvidia-smi >/dev/null || skip "there is no nvidia-smi"
    nvidia-smi
    nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,clocks.max.mem,power.limit,ecc.mode.current,compute_cap --format=csv
    nvidia-smi topo -m || true
}

# With CMake, where there is one, as in every other build; else the same nvcc command.
step_compile() {
    [ -z "$emulated" ] || skip "the emulated driver has kernels of its own"
    local compiler
    compiler=$(tool nvcc) || { echo "error: there is no nvcc on PATH or in $cuda/bin"; return 1; }
    "$compiler" --version
    mkdir -p "$build"
    if command -v cmake >/dev/null; then
        cmake -S "$here" -B "$build/cmake" -DDDOQ_NVCC="$compiler" -DDDOQ_TESTS=OFF &&
            cmake --build "$build/cmake" --target ddoq_fatbin &&
            cp "$build/cmake/kernels/ddoq_kernels.fatbin" "$build/" && cp "$build/cmake/kernels/kernels.json" "$out/registers.json" && return 0
        echo "CMake did not build the kernels; nvcc by hand follows"
    fi
    local name flags=(-std=c++17 -O3 --fmad=false -Xptxas -v
        -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=sm_90 -gencode arch=compute_90,code=compute_90)
    for name in assign centroids cluster clvq_update gram norms weighted_ce; do
        echo "#include \"$here/kernels/$name.cu\""
    done >"$build/ddoq_kernels.cu"
    # A compiler that is newer than ours may warn of what ours did not: that is reported, and no reason to stop.
    "$compiler" "${flags[@]}" -Werror all-warnings -fatbin "$build/ddoq_kernels.cu" -o "$build/ddoq_kernels.fatbin" >"$out/logs/ptxas.log" 2>&1 ||
        { echo "with warnings as errors nvcc failed:"; grep -E 'error|warning' "$out/logs/ptxas.log"; echo "without:"
            "$compiler" "${flags[@]}" -fatbin "$build/ddoq_kernels.cu" -o "$build/ddoq_kernels.fatbin" >"$out/logs/ptxas.log" 2>&1; } ||
        { cat "$out/logs/ptxas.log"; return 1; }
    "$python" "$here/report.py" --registers "$out/logs/ptxas.log" "$out/registers.json"
}

# The native kernel library and its example, which checks its own result.
step_native() {
    mkdir -p "$build/native"
    local headers libraries image source objects=()
    if [ -n "$emulated" ]; then
        headers=$here/native/emulation/driver/include libraries=("$emulated") image=$DDOQ_KERNELS
    else
        headers=$(dirname "$(dirname "$(readlink -f "$(tool nvcc)")")")/include image=$DDOQ_KERNELS
        [ -f "$headers/cuda.h" ] || headers=$cuda/include
        libraries=("$(ldconfig -p | sed -n 's|.*libcuda.so.1 .*=> ||p' | head -1)")
        [ -n "${libraries[0]}" ] || skip "there is no libcuda.so.1"
    fi
    [ -f "$image" ] || { echo "error: there are no kernels at $image"; return 1; }
    for source in driver.cpp kernels.cpp operations.cpp; do
        g++ -std=c++20 -O2 -ffp-contract=off -fPIC -Wall -Wextra -I "$here/native/include" -c "$here/native/library/$source" -o "$build/native/$source.o" || return 1
        objects+=("$build/native/$source.o")
    done
    gcc -DDDOQ_IMAGE="\"$image\"" -c "$here/native/library/image.S" -o "$build/native/image.o" &&
        gcc -std=c11 -O2 -Wall -I "$here/native/include" -I "$headers" -c "$here/native/examples/cluster_rows.c" -o "$build/native/cluster_rows.o" &&
        g++ -o "$build/native/cluster_rows" "$build/native/cluster_rows.o" "${objects[@]}" "$build/native/image.o" "${libraries[@]}" -Wl,-rpath,"$(dirname "${libraries[0]}")" -ldl -lm &&
        "$build/native/cluster_rows"
}

step_check() {
    "$program" probe && "$program" check
}

sanitize() {
    [ -z "$emulated" ] || skip "compute-sanitizer watches a GPU, not the emulated driver"
    command -v nvidia-smi >/dev/null && nvidia-smi -L | grep -q GPU || skip "there is no GPU"
    local sanitizer
    sanitizer=$(tool compute-sanitizer) || skip "there is no compute-sanitizer"
    "$sanitizer" --tool "$1" --error-exitcode 9 --print-limit 20 "$program" check --quick
}
step_memcheck() { sanitize memcheck; }
step_racecheck() { sanitize racecheck; }
step_initcheck() { sanitize initcheck; }
step_synccheck() { sanitize synccheck; }

step_kernels() {
    "$program" kernels --json "$out/kernel_bench.json" --md "$out/kernel_bench.md"
}

step_cluster() {
    local arguments
    read -r -a arguments <<<"${DDOQ_CLUSTER:---classes 1000 --rows 1300 --dimension 4096 --centroids 50}"
    "$program" cluster "${arguments[@]}" --json "$out/cluster.json"
}

step_peers() {
    [ -z "$emulated" ] || skip "peers need a GPU"
    "$python" "$here/peers.py" --json "$out/peers.json"
}

# A step runs as a process of its own, so that its time limit ends all that it started.
if [ -n "${DDOQ_RUN_STEP:-}" ]; then
    "step_${DDOQ_RUN_STEP}"
    exit
fi

has_passed() { # the last line of a step counts
    [ -f "$out/steps.tsv" ] && [ "$(awk -F '\t' -v step="$1" '$1 == step { state = $2 } END { print state }' "$out/steps.tsv")" = passed ]
}

failed=0
left=""
call_start=$(date +%s)
for step in "${steps[@]}"; do
    log=$out/logs/$step.log
    start=$(date +%s)
    if [ $resume -eq 1 ] && has_passed "$step"; then
        printf '%-8s %-10s\n' "before" "$step"
        continue
    fi
    rest=$((call_limit - (start - call_start)))
    if [ $rest -lt $Shortest ]; then
        left="$left $step"
        continue
    fi
    seconds_allowed=$((rest < limit ? rest : limit))
    DDOQ_RUN_STEP=$step timeout -k 10 "$seconds_allowed" bash "${BASH_SOURCE[0]}" "$out" "$step" >"$log" 2>&1
    code=$?
    seconds=$(($(date +%s) - start))
    if [ $code -eq 124 ] && [ $seconds_allowed -lt "$limit" ]; then # the call's time ended, not the step's
        code=$CutOff
        left="$left $step"
    fi
    case $code in
    0) state=passed note="" ;;
    "$Skipped") state=skipped note=$(grep '^skipped: ' "$log" | tail -1 | cut -c10-) ;;
    124) state=failed note="more than $seconds_allowed s" ;;
    "$CutOff") state=left note="cut off after $seconds_allowed s, when the call's time ended" ;;
    *) state=failed note="exit code $code: $(grep -v '^[[:space:]]*$' "$log" | tail -1 | tr '\t' ' ' | cut -c1-200)" ;;
    esac
    [ $state = failed ] && failed=1
    printf '%s\t%s\t%s\t%s\n' "$step" "$state" "$seconds" "$note" >>"$out/steps.tsv"
    printf '%-8s %-10s %5d s  %s\n' "$state" "$step" "$seconds" "$note"
done
rm -rf "$build/cmake"
"$python" "$here/report.py" "$out" || failed=1
[ $failed -eq 0 ] || exit 1
if [ -n "$left" ]; then
    echo "left for another call:$left"
    exit 3
fi
