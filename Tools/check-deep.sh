#!/bin/bash
# Runs all tests under the address sanitizer and under the thread sanitizer, and each fuzzer for 60
# seconds:
#   Tools/check-deep.sh [address] [thread] [fuzz]
# Without an argument all three. The builds are kept in .build/address, .build/thread and .build/fuzz.
# Exit status 0 means that nothing was found.
set -u
cd "$(dirname "$0")/.." || exit 1
case ${1:-} in -h | --help) sed -n '2,6s/^# \{0,1\}//p' "$0" && exit 0 ;; esac
export SWIFT_BACKTRACE=enable=no

# The lab brings an lspci for machines that have none.
LSPCI=${CARILLON_LAB:-${XDG_CACHE_HOME:-$HOME/.cache}/carillon/lab}/lspci
command -v lspci >/dev/null || [ ! -x "$LSPCI" ] || export CARILLON_LSPCI=$LSPCI

# Leaks are not looked for: a thread that a test left waiting would count as one.
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:handle_segv=0:handle_sigbus=0
export TSAN_OPTIONS="suppressions=$PWD/Tools/thread-sanitizer.suppressions halt_on_error=0 exitcode=66"

failed=0
sanitize() {
    local build=$PWD/.build/$1 log=$PWD/.build/$1.log
    # The manifest instruments our own modules only: see there.
    export CARILLON_SANITIZE=$1
    echo "==> $1 sanitizer: build"
    if ! swift build --build-tests --scratch-path "$build" >"$log" 2>&1 </dev/null; then
        grep -E 'error:' "$log" | sort -u | head -n 20
        failed=1
        return
    fi
    echo "==> $1 sanitizer: test"
    swift test --skip-build --scratch-path "$build" \
        ${FILTER:+--filter "$FILTER"} >"$log" 2>&1 </dev/null
    local status=$?
    local reports
    reports=$(grep -c -E 'WARNING: ThreadSanitizer|ERROR: AddressSanitizer' "$log")
    grep -E '^SUMMARY: ' "$log" | sort | uniq -c | sort -rn | head -n 20
    grep -E '✘ Test .*failed|Test run with' "$log" | tail -n 20
    echo "$1 sanitizer: exit status $status, $reports reports"
    [ $status = 0 ] && [ "$reports" = 0 ] || failed=1
}

for part in ${*:-address thread fuzz}; do
    case $part in
    address | thread) sanitize "$part" ;;
    fuzz) Tools/fuzz.sh 60 || failed=1 ;;
    *) echo "no part $part; there are: address, thread, fuzz" >&2 && exit 64 ;;
    esac
done
exit $failed
