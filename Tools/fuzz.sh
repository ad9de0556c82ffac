#!/bin/bash
# Fuzzes one target or all of them, each for a number of seconds:
#   Tools/fuzz.sh [SECONDS [TARGET...]]
# First the canary, a defect on purpose, must be found. Findings land in .build/fuzz/findings as
# files that Tests/FuzzRegressions/TARGET takes once the defect is mended. Exit status 0 means that
# the canary was found and nothing else.
set -u
cd "$(dirname "$0")/.." || exit 1

usage() { sed -n '2,7s/^# \{0,1\}//p' "$0"; }
case ${1:-} in -h | --help) usage && exit 0 ;; esac

SECONDS_EACH=${1:-60}
case $SECONDS_EACH in '' | *[!0-9]* | 0) usage >&2 && exit 64 ;; esac
[ $# -eq 0 ] || shift
ALL="codec session config-space msix msi function ims dma-map"
TARGETS=${*:-$ALL}
for target in $TARGETS; do
    case " $ALL canary " in *" $target "*) ;; *) echo "no target $target; there are: $ALL" >&2 && exit 64 ;; esac
done

BUILD=$PWD/.build/fuzz
mkdir -p "$BUILD/findings"
# The backtracer waits for ever on a crash under libFuzzer, and asan's own report is enough.
export SWIFT_BACKTRACE=enable=no

echo "==> build the fuzzers"
if ! swift build -c release --package-path Fuzz --scratch-path "$BUILD" --sanitize=fuzzer \
    >"$BUILD/build.log" 2>&1 </dev/null; then
    grep -E 'error:' "$BUILD/build.log" | sort -u | head -n 20
    tail -n 5 "$BUILD/build.log"
    exit 1
fi
FUZZER=$BUILD/release/carillon-fuzz

# Runs the fuzzer of $1 for $2 seconds; its output is in the log of the target.
fuzz() {
    local corpus=$BUILD/corpus/$1 seeds=()
    mkdir -p "$corpus"
    [ ! -d "Tests/FuzzRegressions/$1" ] || seeds=("Tests/FuzzRegressions/$1")
    CARILLON_FUZZ_TARGET=$1 timeout --kill-after=10 $(($2 + 120)) "$FUZZER" \
        -max_total_time="$2" -timeout=150 -rss_limit_mb=4096 -max_len=2048 -print_final_stats=1 \
        -artifact_prefix="$BUILD/findings/$1-" "$corpus" "${seeds[@]}" \
        >"$BUILD/$1.log" 2>&1 </dev/null
}

echo "==> canary: must be found"
rm -rf "$BUILD/corpus/canary"
if fuzz canary 60 || ! grep -q 'the canary sings' "$BUILD/canary.log"; then
    echo "the canary was not found: these fuzzers find nothing" >&2
    exit 1
fi

failed=0
printf '%-14s %12s %10s %10s  %s\n' target inputs per-second features finding
for target in $TARGETS; do
    [ "$target" != canary ] || continue
    status=0
    fuzz "$target" "$SECONDS_EACH" || status=$?
    log=$BUILD/$target.log
    inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
    rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log" | tail -n 1)
    features=$(grep -o 'ft: [0-9]*' "$log" | tail -n 1 | cut -c5-)
    finding=none
    if [ $status -ne 0 ]; then
        failed=$((failed + 1))
        finding=$(grep -E 'law broken|SUMMARY|Test unit written' "$log" | tail -n 2 | tr '\n' ' ')
        [ -n "$finding" ] || finding="status $status, see $log"
    fi
    printf '%-14s %12s %10s %10s  %s\n' "$target" "${inputs:--}" "${rate:--}" "${features:--}" "$finding"
done
exit $((failed > 0))
