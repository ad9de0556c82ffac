#!/bin/sh
# Fetches the lab: QEMU 10.1 or newer, stock Debian guest kernels, busybox and lspci, unpacked below
# one cache directory. Nothing is installed and no root is needed. The packages come from the Debian
# mirror this machine is configured for, through apt with its own directories, so that every file is
# covered by Debian's archive signature.
set -eu

usage() {
    cat <<'TEXT'
usage: lab/setup.sh [--newest] [--check]

  (no option)  make the lab complete; returns at once when it already is
  --newest     also fetch the newest kernel of Debian's backports
  --check      compare every file of the lab with its recorded checksum

environment
  CARILLON_LAB             the lab's directory (default: carillon/lab in the user's cache)
  CARILLON_QEMU            an installed qemu-system-x86_64 to use instead of fetching one
  CARILLON_DEBIAN_MIRROR   a Debian mirror (default: the one apt is configured for)
  CARILLON_DEBIAN_KEYRING  the keyring that verifies it (default: that of the configured source)

exit status: 0 complete, 64 wrong usage, 65 a checksum differs, 69 the lab is not available
TEXT
}

LAYOUT=1 # raised whenever the content of the directory changes, so that old labs are replaced
SUITES="bookworm trixie trixie-backports"

say() { printf 'lab: %s\n' "$*" >&2; }
unavailable() {
    say "not available: $1"
    [ ! -s "${LOG:-}" ] || grep -E '^(E|Err|W):?' "$LOG" | head -n 5 | sed 's/^/lab:   /' >&2
    say "what to do: $2"
    exit 69
}

NEWEST=no CHECK=no
for argument in "$@"; do
    case $argument in
    --newest) NEWEST=yes ;;
    --check) CHECK=yes ;;
    --help | -h) usage && exit 0 ;;
    *) usage >&2 && exit 64 ;;
    esac
done

CACHE=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
LAB=${CARILLON_LAB:-${CACHE:+$CACHE/carillon/lab}}
[ -n "$LAB" ] || unavailable "there is no cache directory: HOME is not set" "set CARILLON_LAB"
LAB=${LAB%/}
case $LAB in
/*) ;;
*) LAB=$PWD/$LAB ;;
esac
STAMP=$LAB/stamp
LOG=

# --- Is it already there? ---------------------------------------------------------------------

has() { grep -q -x "$1" "$STAMP" 2>/dev/null; }
is_complete() {
    has "layout $LAYOUT" || return 1
    [ -n "${CARILLON_QEMU:-}" ] || has "part qemu" || return 1
    [ "$NEWEST" = no ] || has "part newest"
}

summary() {
    sed -n 's/^package \([^ ]*\) \([^ ]*\) .*/\1 \2/p' "$STAMP" |
        grep -E '^(qemu-system-x86|linux-(image|modules)|busybox|pciutils)' | sed 's/^/lab:   /' >&2
    [ -z "${CARILLON_QEMU:-}" ] || say "  QEMU of this machine: $CARILLON_QEMU"
    say "$1: $LAB, $(sed -n 's/^size //p' "$STAMP") MiB"
}

if [ -n "${CARILLON_QEMU:-}" ] && [ ! -x "$CARILLON_QEMU" ]; then
    unavailable "CARILLON_QEMU=$CARILLON_QEMU is not an executable file" "correct or unset it"
fi
if [ "$CHECK" = yes ]; then
    is_complete || unavailable "$LAB is absent or incomplete" "run lab/setup.sh"
    if (cd "$LAB" && sed -n 's/^file //p' stamp | sha256sum --check --quiet >&2); then
        summary "checked" && exit 0
    fi
    say "files in $LAB differ from what was unpacked; remove that directory and run lab/setup.sh"
    exit 65
fi
is_complete && summary "complete" && exit 0

# --- What is needed to build it ---------------------------------------------------------------

if [ -e "$LAB" ] && [ ! -e "$STAMP" ]; then
    say "$LAB exists and is not a lab: it will not be replaced; remove it or set CARILLON_LAB"
    exit 64
fi
for tool in apt-get apt-cache dpkg-deb sha256sum; do
    command -v "$tool" >/dev/null ||
        unavailable "$tool is missing" "use a Debian machine, or set CARILLON_LAB to a copied lab"
done
[ "$(dpkg --print-architecture)" = amd64 ] ||
    unavailable "the lab's programs are for amd64" "run on an amd64 machine"

mkdir -p "${LAB%/*}"
if command -v flock >/dev/null; then
    exec 9>"$LAB.lock"
    flock 9
    is_complete && summary "complete" && exit 0 # another run finished while this one waited
fi
STARTED=$(date +%s)
rm -rf "$LAB".building.* "$LAB".replaced # left by a run that was killed
NEW=$LAB.building.$$
trap 'rm -rf "$NEW"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
WORK=$NEW/work
mkdir -p "$WORK/debs" "$NEW/kernels"
LOG=$WORK/log

# The mirror of the first configured source that carries Debian itself, and its keyring.
debian_source() {
    apt-get indextargets --no-release-info 'Created-By: Packages' "$@" 2>/dev/null | sed -n "s/^$FIELD: //p"
}
MIRROR=${CARILLON_DEBIAN_MIRROR:-$(FIELD=Site debian_source | grep -m1 '/debian$' || :)}
[ -n "$MIRROR" ] || unavailable "no Debian mirror is configured on this machine" \
    "set CARILLON_DEBIAN_MIRROR and CARILLON_DEBIAN_KEYRING, or CARILLON_QEMU and a copied lab"
KEYRING=${CARILLON_DEBIAN_KEYRING:-}
if [ -z "$KEYRING" ]; then
    entry=$(FIELD=Sourcesentry debian_source "Site: $MIRROR" | head -n 1)
    KEYRING=$(sed -n 's/.*[Ss]igned-[Bb]y[:=] *\(\/[^] ,]*\).*/\1/p' "${entry%:*}" 2>/dev/null |
        head -n 1)
    [ -r "$KEYRING" ] || KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
fi
[ -r "$KEYRING" ] || unavailable "no archive keyring to verify packages with" \
    "install debian-archive-keyring or set CARILLON_DEBIAN_KEYRING"

# --- apt with its own directories -------------------------------------------------------------

APT=$WORK/apt
mkdir -p "$APT/etc/apt.conf.d" "$APT/etc/preferences.d" "$APT/etc/sources.list.d" \
    "$APT/etc/trusted.gpg.d" "$APT/state/lists/partial" "$APT/cache/archives/partial"
: >"$APT/status" # nothing counts as installed: every dependency is fetched
for suite in $SUITES; do
    printf 'deb [arch=amd64 signed-by=%s] %s %s main\n' "$KEYRING" "$MIRROR" "$suite"
done >"$APT/etc/sources.list"
{
    # How this machine reaches its mirror stays as its administrator configured it.
    apt-config dump 2>/dev/null | grep -E '^Acquire::.*(Proxy|Timeout|CaInfo|Check-)' || :
    cat <<CONFIGURATION
Dir::Etc "$APT/etc";
Dir::State "$APT/state";
Dir::State::status "$APT/status";
Dir::Cache "$APT/cache";
APT::Architecture "amd64";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::Languages "none";
Acquire::Retries "2";
Debug::NoLocking "true";
CONFIGURATION
} >"$APT/apt.conf"
export APT_CONFIG="$APT/apt.conf" LC_ALL=C

try_later="check the network and the mirror, then run lab/setup.sh again"
say "reading package lists"
# Without Error-Mode apt-get calls a mirror that cannot be reached a warning.
apt-get -q -o APT::Update::Error-Mode=any update >"$LOG" 2>&1 ||
    unavailable "package lists could not be fetched from the configured mirror" "$try_later"

# fetch PACKAGE...: downloads and unpacks exactly these packages below $WORK/root.
fetch() {
    rm -rf "$WORK/root" && mkdir "$WORK/root"
    (cd "$WORK/debs" && apt-get -q download "$@") >"$LOG" 2>&1 ||
        unavailable "these packages could not be fetched: $*" "$try_later"
    unpack "$WORK"/debs/*.deb
}
# unpack DEB...: unpacks below $WORK/root, records name, version and checksum, drops the archive.
unpack() {
    for deb in "$@"; do
        dpkg-deb -x "$deb" "$WORK/root"
        printf 'package %s %s\n' "$(dpkg-deb -W --showformat '${Package} ${Version}' "$deb")" \
            "$(sha256sum <"$deb" | cut -d ' ' -f 1)" >>"$NEW/stamp"
        rm -f "$deb"
    done
}

printf 'layout %s\n' "$LAYOUT" >"$NEW/stamp"

# --- busybox, QEMU and lspci ------------------------------------------------------------------

say "fetching busybox"
fetch busybox-static/trixie
mv "$WORK/root/usr/bin/busybox" "$NEW/busybox"

programs="qemu-system-x86 pciutils"
[ -z "${CARILLON_QEMU:-}" ] || programs=pciutils
say "fetching $programs and the libraries they need"
rm -rf "$WORK/root" && mkdir "$WORK/root"
# shellcheck disable=SC2086 # a list of words
apt-get -q -y --download-only -t trixie-backports install $programs >"$LOG" 2>&1 ||
    unavailable "QEMU's packages could not be fetched" "$try_later"
unpack "$APT"/cache/archives/*.deb
for unneeded in bug doc doc-base info lintian locale man; do
    rm -rf "$WORK/root/usr/share/$unneeded"
done
mv "$WORK/root" "$NEW/prefix"

# The programs run through the ld.so they were built with: the machine's libraries may be older.
cat >"$NEW/lspci" <<'WRAPPER'
#!/bin/sh
P=${0%/*}/prefix/usr
exec "$P/lib64/ld-linux-x86-64.so.2" --library-path "$P/lib/x86_64-linux-gnu" --argv0 lspci \
    "$P/bin/lspci" -i "$P/share/misc/pci.ids" "$@"
WRAPPER
chmod +x "$NEW/lspci"
if [ -z "${CARILLON_QEMU:-}" ]; then
    # Started like this QEMU finds neither its data nor its modules (qtest is one) by itself.
    cat >"$NEW/qemu" <<'WRAPPER'
#!/bin/sh
P=${0%/*}/prefix/usr
QEMU_MODULE_DIR=$P/lib/x86_64-linux-gnu/qemu
export QEMU_MODULE_DIR
exec "$P/lib64/ld-linux-x86-64.so.2" --library-path "$P/lib/x86_64-linux-gnu" \
    --argv0 qemu-system-x86_64 "$P/bin/qemu-system-x86_64" \
    -L "$P/share/qemu" -L "$P/share/seabios" "$@"
WRAPPER
    chmod +x "$NEW/qemu"
    printf 'part qemu\n' >>"$NEW/stamp"
fi

# --- Guest kernels ----------------------------------------------------------------------------

# The packages with a kernel's image and modules: one, or one each (since 7.x).
kernel_packages() {
    image=$(apt-cache depends "linux-image-cloud-amd64/$1" |
        sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
    [ -n "$image" ] || unavailable "suite $1 has no cloud kernel" "$try_later"
    split=$(apt-cache depends "$image" |
        sed -n 's/.*Depends: \(linux-\(binary\|modules\)-[0-9].*\)/\1/p')
    echo "${split:-$image}"
}

# kernel SUITE NAME: kernels/NAME with vmlinuz, modules/*.ko and the dependencies between them.
kernel() {
    say "fetching the $2 kernel"
    # shellcheck disable=SC2046 # a list of words
    fetch $(kernel_packages "$1")
    modules=$NEW/kernels/$2/modules
    mkdir -p "$modules"
    find "$WORK/root" -name 'vmlinuz*' -type f -exec mv {} "$NEW/kernels/$2/vmlinuz" \;
    find "$WORK/root" -name '*.ko.xz' -exec "$NEW/busybox" unxz {} +
    find "$WORK/root" -name '*.ko' -exec mv -t "$modules" {} +
    # busybox's depmod insists on this directory and on a version of three numbers.
    mkdir -p "$WORK/root/lib/modules"
    ln -s "$modules" "$WORK/root/lib/modules/0.0.0"
    "$NEW/busybox" depmod -b "$WORK/root" 0.0.0
    [ -s "$NEW/kernels/$2/vmlinuz" ] && [ -s "$modules/modules.dep" ] ||
        unavailable "the $2 kernel's packages are not laid out as expected" "report this as a bug"
}

kernel bookworm 6.1-cloud
kernel trixie 6.12-cloud
if [ "$NEWEST" = yes ]; then
    kernel trixie-backports newest-cloud
    printf 'part newest\n' >>"$NEW/stamp"
fi

# --- Complete: record it and put it in place at once ------------------------------------------

rm -rf "$WORK"
LOG=
printf 'size %s\n' "$(du -sm "$NEW" | cut -f 1)" >>"$NEW/stamp"
(cd "$NEW" && find . -type f ! -name stamp -exec sha256sum {} +) | sed 's/^/file /' >>"$NEW/stamp"
[ ! -e "$LAB" ] || mv "$LAB" "$LAB.replaced"
mv "$NEW" "$LAB"
rm -rf "$LAB.replaced"
summary "built in $(($(date +%s) - STARTED)) s"
