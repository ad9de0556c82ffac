#!/bin/sh
# Writes the manual pages of the program and of each of its verbs into a directory: what --help
# says, as mdoc. They are carillon.1, carillon-serve.1 and so on.
#
#   Tools/manual.sh DIRECTORY
set -eu

[ $# -eq 1 ] || {
    echo "usage: Tools/manual.sh DIRECTORY" >&2
    exit 64
}
mkdir -p "$1"
OUT=$(cd "$1" && pwd)
cd "${0%/*}/.."
PAGES=$(mktemp -d)
trap 'rm -rf "$PAGES"' EXIT
LOG=$PAGES/log
# The plugin builds what it asks, and answers where it has put it.
if ! swift package --allow-writing-to-directory "$PAGES" generate-manual \
    --output-directory "$PAGES" --multi-page >"$LOG" 2>&1; then
    tail -n 20 "$LOG" >&2
    exit 70
fi
for page in "$PAGES"/carillon*.1; do
    name=$(basename "$page" .1 | tr . -)
    # The tool joins the words of a verb by dots, man(1) by hyphens.
    sed -e '/^\.Dt /y/./-/' -e 's/^-Dt /.Dt /' -e '/^\.Xr /s/\([a-z]\)\.\([a-z]\)/\1-\2/g' \
        "$page" >"$OUT/$name.1"
    chmod 644 "$OUT/$name.1"
done
