# Words that scenarios have in common; each begins with `. /words`.

# say KEY VALUE...: a line for the test.
say() { printf 'CARILLON %s\n' "$*"; }

# wait_for COMMAND...: true as soon as the command is, false after about 10 seconds, or after so
# many twentieths of a second as `patience` says.
wait_for() {
    attempts=${patience:-200}
    until "$@"; do
        attempts=$((attempts - 1))
        [ $attempts -gt 0 ] || return 1
        usleep 50000
    done
}
