#!/bin/bash
# Stands for every program that bench/device/steps.sh calls: writes one figure, then fails, is killed or hangs where
# FAULT_STEP and FAULT_KIND say so, else writes a second one.
file=""
for ((i = 1; i <= $#; i++)); do
    [ "${!i}" != --json ] || { j=$((i + 1)) && file=${!j}; }
done
figure() {
    [ -z "$file" ] || case ${DDOQ_STEP:-} in
    ceilings | peers) echo "{\"device\":\"stub\",\"kind\":\"$1\",\"peer\":\"$DDOQ_STEP $1\",\"shape\":\"s\",\"milliseconds\":1,\"torch\":\"t\",\"triton\":\"t\",\"cuda\":\"c\"}" >>"$file" ;;
    cluster) echo "{\"device\":\"stub\",\"emulated\":false,\"algorithm\":\"a\",\"batches\":\"$DDOQ_STEP $1\",\"classes\":1,\"rows\":1,\"dimension\":1,\"centroids\":1,\"iterations\":\"1\",\"moves\":\"1\",\"distortion\":1,\"compute_seconds\":1}" >>"$file" ;;
    *) echo "{\"device\":\"stub\",\"emulated\":false,\"kernel\":\"$DDOQ_STEP $1\",\"shape\":\"s\",\"milliseconds\":1,\"noise\":0,\"gigabytes_per_second\":1,\"teraflops_per_second\":1,\"share_of_copy\":1,\"share_of_roofline\":1,\"remark\":null,\"error\":null}" >>"$file" ;;
    esac
    echo "$DDOQ_STEP $1"
}
case $(basename "$0")-$* in
python3-*peers.py*) ;;
python3-*) [ "${DDOQ_STEP:-}" = "${FAULT_STEP:-}" ] && [ -n "${DDOQ_STEP:-}" ] || exec /usr/bin/python3 "$@" ;;
esac
figure first
if [ -n "${DDOQ_STEP:-}" ] && [ "$DDOQ_STEP" = "${FAULT_STEP:-}" ]; then
    case $FAULT_KIND in
    fails) echo "made to fail" && exit 1 ;;
    killed) kill -9 $PPID && kill -9 $$ ;;
    hangs)
        trap '' TERM
        while :; do sleep 1; done
        ;;
    esac
fi
figure second
case $(basename "$0") in
nvcc)
    while [ $# -gt 0 ]; do
        [ "$1" != -o ] || echo image >"$2"
        shift
    done
    echo "ptxas info    : Compiling entry function 'ddoq_x' for 'sm_90'"
    echo "    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads"
    echo "ptxas info    : Used 40 registers, 360 bytes cmem[0]"
    ;;
Ddoq.Bench.Device) [ "$1" != check ] || echo "3 passed, 0 failed on stub" ;;
esac
exit 0
