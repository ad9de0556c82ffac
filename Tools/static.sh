#!/bin/sh
# Makes .build/static/carillon, which needs nothing of the machine it runs on, for guests without
# libraries; the payload for machines without an operating system is put beside it.
#
# The objects are those of the debug build, which `make build` has made; only the link is done anew,
# and nothing at all when the programs are no older than that build's. It wants /proc mounted.
# Exit status: 65 if something is missing at the link, 69 if there is no build or no static library.
set -eu
cd "$(dirname "$0")/.."

OUT=.build/static
OBJECTS=$PWD/.build/debug/carillon.product/Objects.LinkFileList
# What modules name for themselves when they are compiled against shared libraries leaves out what
# those bring along.
LIBRARIES='-lCoreFoundation -l_FoundationICU -l_FoundationCShims -l_FoundationCollections
    -l_CFURLSessionInterface -lstdc++'

fail() {
    printf 'static: %s\n' "$2" >&2
    exit "$1"
}
[ -r "$OBJECTS" ] || fail 69 "there is no debug build; run make build"
is_current() { [ -e "$OUT/$1" ] && [ ! ".build/debug/$1" -nt "$OUT/$1" ]; }
if is_current carillon && is_current interrupt-payload; then exit 0; fi
LIBRARY=$(swiftc -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p')_static
[ -e "$LIBRARY/linux/static-executable-args.lnk" ] ||
    fail 69 "this toolchain has no static libraries at $LIBRARY"

mkdir -p "$OUT"
SAID=$(mktemp) NEW=$OUT/carillon.$$
trap 'rm -f "$SAID" "$NEW"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A package has a part that calls curl, of which there is no static library. Nothing here uses that
# part: its references stay open, and no others may.
# shellcheck disable=SC2086 # a list of words
swiftc -static-executable -emit-executable -module-name carillon -o "$NEW" "@$OBJECTS" \
    -Xlinker --defsym -Xlinker main=carillon_main -Xlinker --gc-sections -Xlinker --strip-all \
    -Xlinker --warn-unresolved-symbols $LIBRARIES >"$SAID" 2>&1 || {
    tail -n 20 "$SAID" >&2
    fail 65 "the link failed"
}
# Two linkers have two ways to say it.
OPEN=$(sed -n -e "s/.*undefined reference to '\(.*\)'$/\1/p" \
    -e 's/.*undefined symbol: //p' "$SAID" | sort -u | grep -v '^curl_' || :)
[ -z "$OPEN" ] || {
    printf '%s\n' "$OPEN" | head -n 20 >&2
    fail 65 "the link left these open"
}
cp .build/debug/interrupt-payload "$OUT/"
mv "$NEW" "$OUT/carillon"
printf 'static: %s/carillon, %s MiB\n' "$OUT" $(($(wc -c <"$OUT/carillon") >> 20))
