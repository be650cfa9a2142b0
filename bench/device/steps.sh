#!/bin/bash
# What first.sh and second.sh are made of: the steps, and a runner that loses no result. Not run by hand, but for one step:
#
#   DDOQ_RESULTS=FOLDER bash bench/device/steps.sh STEP
#
# A step is a process of its own with a time limit; one that fails, is killed or hangs does not stop the others. All that
# it writes lies in a folder outside of the output; after every step, and every few seconds within one, that folder is
# packed into the output, which never holds more than results.md, results.json and results.tar.gz.
#
# DDOQ_CUDA_DRIVER naming the emulated driver (native/emulation) runs everything without a GPU: logic, not speed.
set -u -o pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
package=${DDOQ_PACKAGE:-$root/artifacts/device}
program=${DDOQ_DEVICE_PROGRAM:-$package/Ddoq.Bench.Device}
python=${DDOQ_PYTHON:-python3}
cuda=${CUDA_HOME:-/usr/local/cuda}
emulated=""
case "${DDOQ_CUDA_DRIVER:-}" in
*emulated*) emulated=$DDOQ_CUDA_DRIVER ;;
esac
if [ -n "$emulated" ]; then
    carried=$(dirname "$emulated")/ddoq_kernels.emulated
else
    carried=$package/ddoq_kernels.fatbin
fi

Skipped=77          # exit code of a step that has nothing to run on; its last line says why
PackSeconds=${DDOQ_PACK_SECONDS:-15}
Grace=3             # seconds from asking a step to end to killing it
MostBytes=15000000  # of the packed results

# ---- helpers of the steps

skip() {
    echo "skipped: $1"
    exit $Skipped
}

tool() { # a program of the toolkit: on PATH, else in its folders
    command -v "$1" || { [ -x "$cuda/bin/$1" ] && echo "$cuda/bin/$1"; } || { [ -x "$cuda/compute-sanitizer/$1" ] && echo "$cuda/compute-sanitizer/$1"; }
}

find_driver() { # the folder of libcuda.so.1 where the loader does not look by itself
    [ -z "$emulated" ] && ! ldconfig -p 2>/dev/null | grep -q 'libcuda\.so\.1' || return 0
    local folder
    for folder in /usr/local/nvidia/lib64 /usr/lib/x86_64-linux-gnu /usr/lib64 "$cuda/compat"; do
        [ -e "$folder/libcuda.so.1" ] && export LD_LIBRARY_PATH="$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" && return 0
    done
    return 0
}

# Several processes of one step: each runs whatever became of those before.
all_of() { # all_of COMMAND ARGUMENT...: COMMAND with each argument
    local command=$1 one failed=0
    shift
    for one in "$@"; do
        "$command" "$one" || failed=1
    done
    return $failed
}

fresh_kernels() {
    [ -f "$results/fresh.fatbin" ] || skip "the kernels have not been compiled here"
    export DDOQ_KERNELS=$results/fresh.fatbin
}

# ---- steps

step_facts() {
    date -u
    uname -sr
    lscpu | grep -E '^(Model name|CPU\(s\))'
    grep MemTotal /proc/meminfo
    [ ! -f "$package/COMMIT" ] || echo "package made from $(cat "$package/COMMIT")"
    local compiler
    compiler=$(tool nvcc) && "$compiler" --version
    command -v nvidia-smi >/dev/null || skip "there is no nvidia-smi"
    nvidia-smi || return 1
    nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,clocks.max.mem,power.limit,ecc.mode.current,compute_cap --format=csv
    nvidia-smi -q -d CLOCK | grep -E 'Clocks|Graphics|SM|Memory' | head -20 || true
}

# For this device alone. A compiler that is newer than ours may warn of what ours did not: the warnings are counted.
step_compile() {
    [ -z "$emulated" ] || skip "the emulated driver has kernels of its own"
    local compiler architecture file flags log=$results/logs/ptxas.log
    compiler=$(tool nvcc) || skip "there is no nvcc on PATH or in $cuda/bin"
    architecture=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -1 | tr -d '. ')
    [[ $architecture =~ ^[0-9]+$ ]] || architecture=90
    flags=(-std=c++17 -O3 --fmad=false -Xptxas -v -gencode "arch=compute_$architecture,code=sm_$architecture")
    "$compiler" --help 2>/dev/null | grep -q split-compile && flags+=(-split-compile 0)
    for file in "$root"/kernels/*.cu; do
        echo "#include \"$file\""
    done >"$results/ddoq_kernels.cu"
    if ! "$compiler" "${flags[@]}" -fatbin "$results/ddoq_kernels.cu" -o "$results/fresh.part" >"$log" 2>&1; then
        grep -E 'error|fatal' "$log" | head -20
        return 1
    fi
    mv "$results/fresh.part" "$results/fresh.fatbin"
    echo "$(grep -c 'warning' "$log") warnings"
    grep 'warning' "$log" | head -20
    "$python" "$here/report.py" --registers "$log" "$results/registers.json"
}

step_probe() { "$program" probe; }

check() { "$program" check "$1" ${DDOQ_CHECK:-}; } # DDOQ_CHECK=--quick: few rows, for the emulated device
step_check_loss() { check loss; }
step_check_clvq() { check clvq; }
step_check_gram() { check gram; }
step_check_quantizer() { check quantizer; }

step_fresh() { fresh_kernels && all_of check loss clvq gram quantizer; }

step_ceilings() {
    [ -z "$emulated" ] || skip "a copy and products by torch need a GPU"
    "$python" "$here/peers.py" --json "$results/ceilings.jsonl" --only copy,product
}

kernels() { "$program" kernels --ceilings "$results/ceilings.jsonl" --json "$results/$1.jsonl"; }
step_kernels() { kernels kernels; }
step_kernels_fresh() { fresh_kernels && kernels kernels_fresh; }

step_cluster() {
    local arguments
    read -r -a arguments <<<"${DDOQ_CLUSTER:---classes 1000 --rows 1300 --dimension 4096 --centroids 50}"
    "$program" cluster "${arguments[@]}" --json "$results/cluster.jsonl"
}

step_peers() {
    [ -z "$emulated" ] || skip "peers need a GPU"
    "$python" "$here/peers.py" --json "$results/peers.jsonl"
}

profile() { # one kernel in a process of its own
    echo "== $1"
    "$profiler" --clock-control none --kernel-name-base function --kernel-name "regex:^$1\$" --launch-count 1 --section SpeedOfLight \
        --section MemoryWorkloadAnalysis --section ComputeWorkloadAnalysis --section Occupancy --section LaunchStats \
        --section WarpStateStats --section SchedulerStats "$program" kernels --once --filter "$1"
}
step_profile() {
    [ -z "$emulated" ] || skip "ncu watches a GPU, not the emulated driver"
    profiler=$(tool ncu) || skip "there is no ncu"
    all_of profile ddoq_gram_tensor_f16 ddoq_cluster_lloyd_f32 ddoq_assign_k64_f16 ddoq_distances_f16
}

sanitize_one() { "$sanitizer" --tool "$sanitizer_tool" --error-exitcode 9 --print-limit 20 "$program" check "$1" --quick; }
sanitize() {
    [ -z "$emulated" ] || skip "compute-sanitizer watches a GPU, not the emulated driver"
    sanitizer=$(tool compute-sanitizer) || skip "there is no compute-sanitizer"
    sanitizer_tool=$1
    all_of sanitize_one loss clvq gram quantizer
}
step_memcheck() { sanitize memcheck; }
step_racecheck() { sanitize racecheck; }
step_initcheck() { sanitize initcheck; }
step_synccheck() { sanitize synccheck; }

# The native kernel library and its example, which checks its own result. Linked against the driver, or, where the linker
# does not find one, against the toolkit's stub of it.
step_native() {
    local build headers image=$carried link source objects=()
    build=$(mktemp -d) && trap "rm -rf '$build'" EXIT
    if [ -n "$emulated" ]; then
        headers=$root/native/emulation/driver/include link=$emulated
    else
        [ ! -f "$results/fresh.fatbin" ] || image=$results/fresh.fatbin
        headers=$(dirname "$(dirname "$(readlink -f "$(tool nvcc)")")")/include
        [ -f "$headers/cuda.h" ] || headers=$cuda/include
        link=$(ldconfig -p | sed -n 's|.*libcuda.so.1 .*=> ||p' | head -1)
        for source in "$cuda/lib64/stubs/libcuda.so" "$cuda/targets/x86_64-linux/lib/stubs/libcuda.so"; do
            [ -n "$link" ] || [ ! -e "$source" ] || link=$source
        done
        [ -n "$link" ] || skip "there is neither libcuda.so.1 nor the toolkit's stub of it"
    fi
    [ -f "$image" ] || { echo "error: there are no kernels at $image"; return 1; }
    for source in driver.cpp kernels.cpp operations.cpp; do
        g++ -std=c++20 -O2 -ffp-contract=off -fPIC -Wall -Wextra -I "$root/native/include" -c "$root/native/library/$source" -o "$build/$source.o" || return 1
        objects+=("$build/$source.o")
    done
    gcc -DDDOQ_IMAGE="\"$image\"" -c "$root/native/library/image.S" -o "$build/image.o" &&
        gcc -std=c11 -O2 -Wall -I "$root/native/include" -I "$headers" -c "$root/native/examples/cluster_rows.c" -o "$build/cluster_rows.o" &&
        g++ -o "$build/cluster_rows" "$build/cluster_rows.o" "${objects[@]}" "$build/image.o" "$link" -Wl,-rpath,"$(dirname "$link")" -ldl -lm &&
        "$build/cluster_rows"
}

# The package of bench/onnx/pack.sh. Another program's time limit for each of its runs, so that several fit the step.
step_onnx() {
    [ -f "$root/artifacts/onnx/run.sh" ] || skip "there is no artifacts/onnx; bench/onnx/pack.sh artifacts/onnx makes it"
    DDOQ_ONNX_LIMIT=45 DDOQ_ONNX_SECONDS=1 bash "$root/artifacts/onnx/run.sh" "$results/onnx" cuda tensorrt
}

# ---- the runner

pack() {
    "$python" "$here/report.py" "$results" >"$work/report.log" 2>&1 || {
        { echo "# No report"; cat "$work/report.log"; cat "$results/steps.tsv"; } >"$results/results.md" 2>/dev/null
    }
    local file big=()
    tar -C "$results" -czf "$work/pack.tar.gz" . 2>/dev/null
    if [ "$(stat -c %s "$work/pack.tar.gz" 2>/dev/null || echo 0)" -gt $MostBytes ]; then # what can be made again goes first
        big=(--exclude=./fresh.fatbin --exclude=./ddoq_kernels.cu)
        tar -C "$results" "${big[@]}" -czf "$work/pack.tar.gz" . 2>/dev/null
    fi
    for file in results.md results.json; do
        [ ! -f "$results/$file" ] || { cp "$results/$file" "$out/part" && mv "$out/part" "$out/$file"; }
    done
    cp "$work/pack.tar.gz" "$out/part" && mv "$out/part" "$out/results.tar.gz"
}

launch() { # launch STEP SECONDS: in the background; its exit code and the time of its end go to a file
    local step=$1 seconds=$2
    (
        DDOQ_RESULTS=$results DDOQ_STEP=$step timeout -k $Grace "$seconds" bash "$here/steps.sh" "$step" >"$results/logs/$step.log" 2>&1
        echo "$? $SECONDS" >"$work/$step.part" && mv "$work/$step.part" "$work/$step.code"
    ) &
}

record() { # record STEP START ALLOWED: one line for what became of it
    local step=$1 start=$2 allowed=$3 code=137 end=$SECONDS seconds state note log=$results/logs/$1.log
    [ ! -f "$work/$step.code" ] || read -r code end <"$work/$step.code"
    seconds=$((end - start))
    case $code in
    0) state=passed note="" ;;
    "$Skipped") state=skipped note=$(grep '^skipped: ' "$log" | tail -1 | cut -c10-) ;;
    *)
        state=failed note="exit code $code: $(grep -v '^[[:space:]]*$' "$log" | tail -1 | tr '\t' ' ' | cut -c1-200)"
        [ "$seconds" -lt "$allowed" ] || note="ended after $allowed s"
        anything_failed=1
        ;;
    esac
    printf '%s\t%s\t%s\t%s\n' "$step" "$state" "$seconds" "$note" >>"$results/steps.tsv"
    printf '%-8s %-16s %4d s  %s\n' "$state" "$step" "$seconds" "$note"
}

# Waits for a step for so many seconds; even one that nothing can kill holds up the others no longer.
await() {
    local step=$1 allowed=$2 start=$3 packed=$SECONDS
    while [ ! -f "$work/$step.code" ] && [ $((SECONDS - start)) -lt $((allowed + Grace + 2)) ]; do
        sleep 0.1
        if [ $((SECONDS - packed)) -ge "$PackSeconds" ]; then
            pack
            packed=$SECONDS
        fi
    done
}

limit() { # of a step in seconds: DDOQ_SECONDS_<step> changes it
    local name=DDOQ_SECONDS_$1
    echo "${!name:-$2}"
}

left() { echo $((call_seconds - SECONDS)); } # of the call

run() { # run STEP SECONDS [LEAST]: not started with fewer than LEAST seconds left
    local step=$1 allowed=$2 least=${3:-5} rest start=$SECONDS
    rest=$(left)
    if [ "$rest" -lt "$least" ]; then
        printf '%s\tleft\t0\tno time was left\n' "$step" >>"$results/steps.tsv"
        echo "left     $step"
        anything_failed=1
        return
    fi
    allowed=$(limit "$step" "$allowed")
    allowed=$((allowed < rest ? allowed : rest))
    launch "$step" "$allowed"
    await "$step" "$allowed" "$start"
    record "$step" "$start" "$allowed"
    pack
}

begin() { # begin OUT SECONDS
    mkdir -p "$1" || exit 2
    out=$(cd "$1" && pwd)
    work=$(mktemp -d "${TMPDIR:-/tmp}/ddoq-device.XXXXXX") || exit 2
    results=$work/results
    mkdir -p "$results/logs"
    call_seconds=${DDOQ_CALL_SECONDS:-$2}
    anything_failed=0
    SECONDS=0
    export DDOQ_KERNELS=$carried
    find_driver
    pack
}

begin_compiling() { # compile SECONDS: beside the steps that follow
    compile_start=$SECONDS compile_allowed=$(limit compile "$1")
    launch compile "$compile_allowed"
}

finish_compiling() {
    await compile "$compile_allowed" "$compile_start"
    record compile "$compile_start" "$compile_allowed"
    pack
}

finish() {
    pack # the steps that no time was left for, too
    rm -rf "$work"
    exit $anything_failed
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    results=${DDOQ_RESULTS:?names the folder for results}
    [ $# -eq 1 ] && declare -F "step_$1" >/dev/null || { echo "error: there is no step '${1:-}'" >&2; exit 2; }
    "step_$1"
    exit
fi
