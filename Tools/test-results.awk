# Reads the console output of Swift Testing and prints one line for each test, fields divided by
# tabs: `passed`, `failed` or `skipped`, the name, the reason. Suites and single cases of a
# parameterised test are no tests. A summary line becomes `total` and its number of tests; a run
# that ended without one (a crash, or exit() in a test) therefore shows by a missing `total`.

function emit(state, name, reason) {
    sub(/ with [0-9]+ test cases?$/, "", name)
    gsub(/\t/, " ", name)
    gsub(/\t/, " ", reason)
    printf "%s\t%s\t%s\n", state, name, reason
}

# The text of the line after `symbol Test `, or "" when the line does not report a test. Output
# that a test left without a line break may stand before it.
function reported(symbol,    start) {
    start = index($0, symbol " Test ")
    return start ? substr($0, start + length(symbol) + 6) : ""
}

{ sub(/\r$/, "") }

/ Test run with [0-9]+ tests? / {
    match($0, / Test run with [0-9]+/)
    emit("total", substr($0, RSTART + 15, RLENGTH - 15), "")
    next
}
/ Test case passing [0-9]+ argument/ { next }

match($0, / passed after [0-9.]+ seconds( with [^"]*)?\.$/) {
    end = RSTART
    line = reported("✔")
    if (line == "") line = reported("━")
    if (line == "") next
    emit("passed", substr(line, 1, length(line) - (length($0) - end + 1)), "")
    next
}
match($0, / failed after [0-9.]+ seconds with [^"]*\.$/) {
    end = RSTART
    line = reported("✘")
    if (line != "") emit("failed", substr(line, 1, length(line) - (length($0) - end + 1)), "")
    next
}
match($0, / (skipped|was cancelled after [0-9.]+ seconds)(: ".*|\.)$/) {
    line = reported("➜")
    if (line == "") next
    name = substr(line, 1, length(line) - RLENGTH)
    reason = substr($0, RSTART, RLENGTH)
    if (!sub(/^[^:]*: "/, "", reason)) reason = ""
    sub(/"$/, "", reason)
    emit("skipped", name, reason)
}
