#!/bin/bash
# Everything that must hold before a change lands. The last line counts the tests:
#   N passed, N failed, N skipped
# A step that fails (format, build, an example, the program) counts as one failed test, and so does
# a test that was skipped although this machine has what it asks for. Exit status 0 means that
# nothing failed. The full output is in .build/check.log.
set -u
cd "$(dirname "$0")/.." || exit 1

LOG=.build/check.log
# The examples share the build folder: what they import is compiled already, with the same flags.
FLAGS=(-Xswiftc -warnings-as-errors --scratch-path "$PWD/.build")
STEP_SECONDS=${STEP_SECONDS:-300} # for one run of an example or of the program
PASSED=0 FAILED=0 SKIPPED=0
LAB=unknown ACCELERATOR=unknown STATIC=unknown

usage() {
    cat <<'TEXT'
usage: Tools/check.sh [all | test [REGEX] | examples]

  all       lab, format, build, tests, examples and a run of the program (the default)
  test      the tests, or those whose identifier matches REGEX (Module.Suite/function)
  examples  build, test and run the packages in Examples/
TEXT
}

say() { printf '==> %s\n' "$*" | tee -a "$LOG"; }

# Counts one failure and says what failed.
fail() {
    FAILED=$((FAILED + 1))
    printf 'failed: %s\n' "$*" | tee -a "$LOG"
}

# Runs a command with its output in the log; shows the end of the output when it fails.
quietly() {
    local output status
    output=$(mktemp) && "$@" >"$output" 2>&1 </dev/null
    status=$?
    cat "$output" >>"$LOG"
    [ $status = 0 ] || grep -E 'error:|warning:|fatal' "$output" | sort -u | head -n 40
    [ $status = 0 ] || tail -n 5 "$output"
    rm -f "$output"
    return $status
}

# The lab brings an lspci for machines that have none.
use_lab_lspci() {
    local lspci=${CARILLON_LAB:-${XDG_CACHE_HOME:-$HOME/.cache}/carillon/lab}/lspci
    command -v lspci >/dev/null || [ ! -x "$lspci" ] || export CARILLON_LSPCI=$lspci
}

prepare_lab() {
    [ -x lab/setup.sh ] || { LAB=unavailable && return; }
    say "lab"
    lab/setup.sh --dsa </dev/null 2>&1 | tee -a "$LOG"
    case ${PIPESTATUS[0]} in
    0) LAB=available && ACCELERATOR=available && use_lab_lspci && return ;;
    64 | 65) LAB=unavailable && fail "lab/setup.sh" && return ;;
    esac
    # Everything else can be tried without what accelerators need.
    lab/setup.sh </dev/null 2>&1 | tee -a "$LOG"
    case ${PIPESTATUS[0]} in
    0) LAB=available && use_lab_lspci ;;
    69) LAB=unavailable ;;
    *) LAB=unavailable && fail "lab/setup.sh" ;;
    esac
}

check_format() {
    local path paths=()
    say "format"
    for path in Package.swift Sources Tests Tools Examples Benchmarks; do
        [ ! -e "$path" ] || paths+=("$path")
    done
    # What an example has built is no source.
    mapfile -t paths < <(find "${paths[@]}" -name '.build*' -prune -o -name '*.swift' -print)
    quietly swift format lint --strict --parallel "${paths[@]}" ||
        fail "format: make format rewrites what can be rewritten"
}

# Builds the package in the given folder and its tests, warnings being errors.
build() {
    local start lines
    start=$(($(wc -l <"$LOG") + 1))
    quietly swift build --build-tests --package-path "$1" "${FLAGS[@]}" || return
    # The flag reaches our Swift modules only: what C and the manifest warn of is in the log.
    lines=$(tail -n +"$start" "$LOG" | grep -v '/checkouts/' |
        grep -E '(^|[ /])(Sources|Tests|Tools|Package\.swift).*warning:')
    [ -z "$lines" ] || { printf '%s\n' "$lines" && return 1; }
}

names() { grep -q -i -w -e "$1" <<<"$2"; }

# Whether this machine has what a skipped test says it lacks.
is_wrong_skip() {
    [ -n "$1" ] || return 0 # a skip that does not say why
    if names static "$1"; then
        [ $STATIC = available ]
    elif names KVM "$1"; then
        [ -r /dev/kvm ] && [ -w /dev/kvm ]
    elif names accelerator "$1"; then
        [ $ACCELERATOR = available ]
    elif names lab "$1" || names QEMU "$1" || names guest "$1"; then
        [ $LAB = available ]
    elif names lspci "$1"; then
        command -v lspci >/dev/null || [ -n "${CARILLON_LSPCI:-}" ]
    elif names root "$1"; then
        [ "$(id -u)" = 0 ]
    else
        return 1
    fi
}

# Shows what a test run reports while it goes on: issues, and what the process says at its end.
show_issues() {
    awk '/✘ .* recorded an issue/ { print; shown = 1; next }
         shown && (/^↳/ || /^  /) { print; next }
         { shown = 0 }
         /^error: |Fatal error|^✘ Test run/ { print; fflush() }'
}

# Adds the results in the file $1 of the run $2, which ended with status $3.
count_results() {
    local state name reason count=0 total='' failed_before=$FAILED
    while IFS=$'\t' read -r state name reason; do
        case $state in
        passed) PASSED=$((PASSED + 1)) ;;
        failed) fail "$name" ;;
        skipped)
            if is_wrong_skip "$reason"; then
                fail "$name was skipped wrongly: ${reason:-without a reason}"
            else
                SKIPPED=$((SKIPPED + 1))
                printf '%s: %s\n' "$name" "$reason" >>"$SKIPS"
            fi
            ;;
        total) total=$((${total:-0} + name)) && continue ;;
        esac
        count=$((count + 1))
    done < <(awk -f Tools/test-results.awk "$1")
    if [ -z "$total" ]; then
        fail "$2: the process ended before its tests did"
    elif [ "$total" = 0 ]; then
        fail "$2: no test matched"
    elif [ "$total" != "$count" ]; then
        fail "$2: $total tests ran, $count reported a result"
    elif [ "$3" != 0 ] && [ $FAILED = "$failed_before" ]; then
        fail "$2: exit status $3"
    fi
}

# The results in an event stream of Swift Testing, as its console spells them. Lines on the console
# can be torn by what tests print; the stream's cannot.
console_of() {
    grep -E '"kind":"(testEnded|testSkipped|runEnded)"' "$1" |
        sed -E -n 's/.*"symbol":"(pass|fail|skip)[A-Za-z]*","text":"(([^"\\]|\\.)*)".*/\1 \2/p' |
        sed -e 's/^pass/✔/; s/^fail/✘/; s/^skip/➜/; s,\\\([/"\\]\),\1,g'
}

# Runs the tests of the package in folder $1, already built; $2 narrows them.
run_tests() {
    local events output status
    events=$(mktemp) output=$(mktemp)
    swift test --skip-build --disable-xctest --package-path "$1" "${FLAGS[@]}" \
        --event-stream-output-path "$events" --event-stream-version 0 \
        ${2:+--filter "$2"} </dev/null 2>&1 | tee -a "$LOG" | show_issues
    status=${PIPESTATUS[0]}
    console_of "$events" >"$output"
    count_results "$output" "tests of $1" "$status"
    rm -f "$events" "$output"
}

# Some guests run a program that needs no libraries. Not every toolchain can make one.
link_static() {
    quietly Tools/static.sh
    case $? in
    0) STATIC=available ;;
    69) STATIC=unavailable ;;
    *) STATIC=unavailable && fail "Tools/static.sh" ;;
    esac
}

check_package() {
    say "build"
    if ! build .; then
        fail "build"
        return 1
    fi
    link_static
    say "test"
    run_tests . "${1:-}"
}

# Builds, tests and runs one example. With expected.txt beside its manifest, the run must print it.
check_example() {
    local output
    say "$1"
    build "$1" || { fail "$1: build" && return; }
    [ ! -d "$1/Tests" ] || run_tests "$1"
    output=$(mktemp)
    if ! timeout "$STEP_SECONDS" swift run --skip-build --package-path "$1" "${FLAGS[@]}" \
        </dev/null >"$output" 2>>"$LOG"; then
        fail "$1: its run"
    elif [ -f "$1/expected.txt" ] && ! diff -u "$1/expected.txt" "$output"; then
        fail "$1: its output differs from expected.txt"
    fi
    cat "$output" >>"$LOG"
    rm -f "$output"
}

check_examples() {
    local manifest
    for manifest in Examples/*/Package.swift; do
        [ ! -f "$manifest" ] || check_example "$(dirname "$manifest")"
    done
}

check_program() {
    say "carillon try"
    quietly timeout "$STEP_SECONDS" swift run --skip-build "${FLAGS[@]}" carillon try ||
        fail "carillon try"
}

mkdir -p .build && : >"$LOG" || exit 1
SKIPS=$(mktemp) || exit 1
trap 'rm -f "$SKIPS"' EXIT

case ${1:-all} in
all)
    prepare_lab
    check_format
    check_package && check_examples && check_program
    ;;
test) check_package "${2:-}" ;;
examples) check_examples ;;
*) usage >&2 && exit 64 ;;
esac

if [ -s "$SKIPS" ]; then
    say "skipped"
    sort "$SKIPS" | tee -a "$LOG"
fi
printf '%d passed, %d failed, %d skipped\n' $PASSED $FAILED $SKIPPED | tee -a "$LOG"
[ $FAILED = 0 ]
