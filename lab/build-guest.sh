#!/bin/sh
# Builds the guest's own programs, static, and QEMU's plugins into a directory:
# lab/build-guest.sh [OUTDIR]. Default: the lab's cache directory. CC chooses the compiler.
set -eu

CACHE=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
OUT=${1:-${CARILLON_LAB:-$CACHE/carillon/lab}/guest}
SOURCES=${0%/*}
for compiler in ${CC:-gcc clang cc}; do
    command -v "$compiler" >/dev/null && break
done
mkdir -p "$OUT"
# One builder at a time, where the machine has flock.
if command -v flock >/dev/null; then
    exec 9>"$OUT/.lock"
    flock 9
fi
# build SOURCE SUFFIX OPTION...
build() {
    source=$1
    result=${source##*/}
    result=$OUT/${result%.c}
    cmp -s "$source" "$result.c" && [ -x "$result$2" ] && return
    suffix=$2
    shift 2
    "$compiler" -std=gnu11 "$@" -O2 -Wall -Wextra -Werror -o "$result.$$" "$source"
    mv "$result.$$" "$result$suffix"
    cp "$source" "$result.c" # what it was built from; compared next time
}
for source in "$SOURCES"/guest/*.c; do build "$source" "" -static; done
# QEMU brings the symbols of its plugin interface and of GLib.
for source in "$SOURCES"/plugin/*.c; do build "$source" .so -shared -fPIC -pthread; done
