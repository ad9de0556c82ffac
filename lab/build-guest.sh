#!/bin/sh
# Builds the guest's own programs, static, into a directory: lab/build-guest.sh [OUTDIR]
# Default: the lab's cache directory. CC chooses the compiler.
set -eu

CACHE=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
OUT=${1:-${CARILLON_LAB:-$CACHE/carillon/lab}/guest}
GUEST=${0%/*}/guest
for compiler in ${CC:-gcc clang cc}; do
    command -v "$compiler" >/dev/null && break
done
mkdir -p "$OUT"
# One builder at a time, where the machine has flock.
if command -v flock >/dev/null; then
    exec 9>"$OUT/.lock"
    flock 9
fi
for source in "$GUEST"/*.c; do
    program=${source##*/}
    program=$OUT/${program%.c}
    cmp -s "$source" "$program.c" && [ -x "$program" ] && continue
    "$compiler" -std=gnu11 -static -O2 -Wall -Wextra -Werror -o "$program.$$" "$source"
    mv "$program.$$" "$program"
    cp "$source" "$program.c" # what it was built from; compared next time
done
