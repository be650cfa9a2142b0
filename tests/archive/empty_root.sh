#!/usr/bin/env bash
# Runs the published program where there is nothing else: a root with the C library, the C++ library and OpenSSL of this machine.
#
#   tests/archive/empty_root.sh FOLDER_OR_ARCHIVE      # of `build.ps1 -Target publish`
#
# `ddoq doctor` must find nothing missing, a real stage must run; without OpenSSL both must say so, and without a crash.
set -euo pipefail
published=$(realpath "$1")
unshare $([ "$(id -u)" = 0 ] || echo --user --map-root-user) --mount --pid --fork true 2>/dev/null || { echo "left out: this machine gives no name spaces"; exit 0; }
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{lib64,lib,proc,tmp,ddoq,published}
copy() { # copy LIBRARY...: from where this machine's linker finds them
    for library in "$@"; do
        path=$(ldconfig -p | grep -F "$library (libc6,x86-64" | head -n 1 | sed 's/.*=> //')
        [ -n "$path" ] || { echo "error: this machine has no $library"; exit 1; }
        cp -L "$path" "$root/lib/$library"
    done
}
cp -L /lib64/ld-linux-x86-64.so.2 "$root/lib64/"
copy libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libresolv.so.2 libstdc++.so.6 libgcc_s.so.1
if [ -d "$published" ]; then source=$published; else tar -xzf "$published" -C "$root/ddoq" --strip-components 1; source=$root/ddoq; fi

# A name space of its own, so that nothing stays mounted; root's where we are root, else a user's.
inside() {
    local user=()
    [ "$(id -u)" = 0 ] || user=(--user --map-root-user)
    unshare "${user[@]}" --mount --pid --fork sh -c \
        'mount -t proc proc "$0/proc" && { [ "$1" = "$0/ddoq" ] || mount --bind "$1" "$0/ddoq"; } && root=$0 && shift && exec env -i PATH="$PATH" LD_LIBRARY_PATH=/lib HOME=/tmp chroot "$root" /ddoq/ddoq "$@"' \
        "$root" "$source" "$@"
}
expect() { # expect STATUS WORD COMMAND...
    local status=0 output
    output=$(inside "${@:3}" 2>&1) || status=$?
    [ "$status" = "$1" ] && grep -q -- "$2" <<<"$output" && return 0
    echo "error: 'ddoq ${*:3}' ended with $status instead of $1, or says nothing of '$2':"
    echo "$output"
    exit 1
}
select=(select --data-dir /ddoq/samples/fashion-mnist --ipc 1 --objective random -o /tmp/set)
expect 1 "OpenSSL was not found" doctor
expect 1 "hint: Install it" "${select[@]}"
for library in libssl.so.3 libcrypto.so.3; do copy $library; done
expect 0 "image library.*libvips" doctor
expect 0 "10" "${select[@]}"
[ "$(find "$root/tmp/set/train" -name '*.png' | wc -l)" = 10 ] || { echo "error: select left no ten images"; exit 1; }
echo "runs with $(ls "$root/lib" | wc -l) libraries of the machine beside the loader"
