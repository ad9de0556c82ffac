#!/bin/sh
# Fetches the lab: QEMU 10.1 or newer, stock Debian guest kernels, busybox and lspci, unpacked below
# one cache directory. Nothing is installed and no root is needed. The packages come from the Debian
# mirror this machine is configured for, through apt with its own directories, so that every file is
# covered by Debian's archive signature.
set -eu

usage() {
    cat <<'TEXT'
usage: lab/setup.sh [--newest] [--dsa] [--check]

  (no option)  make the lab complete; returns at once when it already is
  --newest     also fetch the newest kernel of Debian's backports
  --dsa        also fetch what an accelerator's guest needs: a full kernel, and dmatest built for it
  --check      compare every file of the lab with its recorded checksum

environment
  CARILLON_LAB             the lab's directory (default: carillon/lab in the user's cache)
  CARILLON_QEMU            an installed qemu-system-x86_64 to use instead of fetching one
  CARILLON_DEBIAN_MIRROR   a Debian mirror (default: the one apt is configured for)
  CARILLON_DEBIAN_KEYRING  the keyring that verifies it (default: that of the configured source)
  CC                       the compiler for --dsa (default: gcc-12, which built the kernel, or gcc)

exit status: 0 complete, 64 wrong usage, 65 a checksum differs, 69 the lab is not available
TEXT
}

LAYOUT=1 # raised whenever the content of the directory changes, so that old labs are replaced
SUITES="bookworm trixie trixie-backports"

say() { printf 'lab: %s\n' "$*" >&2; }
unavailable() {
    say "not available: $1"
    [ ! -s "${LOG:-}" ] || grep -E '^(E|Err|W):?|[Ee]rror' "$LOG" |
        head -n 5 | sed 's/^/lab:   /' >&2
    say "what to do: $2"
    exit 69
}

NEWEST=no DSA=no CHECK=no
for argument in "$@"; do
    case $argument in
    --newest) NEWEST=yes ;;
    --dsa) DSA=yes ;;
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
has_base() {
    has "layout $LAYOUT" || return 1
    [ -n "${CARILLON_QEMU:-}" ] || has "part qemu"
}
is_complete() {
    has_base || return 1
    [ "$NEWEST" = no ] || has "part newest" || return 1
    [ "$DSA" = no ] || has "part dsa"
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
    is_complete || unavailable "$LAB is absent or incomplete" "run lab/setup.sh with these options"
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
# A lab that is complete but for a part gets that part added. Otherwise all is made anew, with the
# parts that were asked for before.
if has_base; then
    BASE=$LAB
    ! has "part newest" || NEWEST=no
    ! has "part dsa" || DSA=no
else
    BASE=$NEW
    ! has "part newest" || NEWEST=yes
    ! has "part dsa" || DSA=yes
fi
if [ "$DSA" = yes ]; then
    for COMPILER in ${CC:-gcc-12 gcc}; do
        command -v "$COMPILER" >/dev/null && break
    done
    for tool in "$COMPILER" make; do
        command -v "$tool" >/dev/null || unavailable "$tool is missing: dmatest has to be built" \
            "install gcc and make, or set CARILLON_LAB to a copied lab"
    done
fi
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

# --- busybox, QEMU and lspci ------------------------------------------------------------------

base() {
    printf 'layout %s\n' "$LAYOUT" >"$NEW/stamp"
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
}

[ "$BASE" = "$LAB" ] || base

# --- Guest kernels ----------------------------------------------------------------------------

# kernel_packages NAME/SUITE: the packages with that kernel's image and modules: one, or one each
# (since 7.x).
kernel_packages() {
    image=$(apt-cache depends "$1" |
        sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
    [ -n "$image" ] || unavailable "there is no $1" "$try_later"
    split=$(apt-cache depends "$image" |
        sed -n 's/.*Depends: \(linux-\(binary\|modules\)-[0-9].*\)/\1/p')
    echo "${split:-$image}"
}

# dependencies MODULES: writes modules.dep. busybox's depmod insists on this directory and on a
# version of three numbers.
dependencies() {
    rm -rf "$WORK/depmod" && mkdir -p "$WORK/depmod/lib/modules"
    ln -s "$1" "$WORK/depmod/lib/modules/0.0.0"
    "$BASE/busybox" depmod -b "$WORK/depmod" 0.0.0
}

# kernel NAME/SUITE DIRECTORY: kernels/DIRECTORY with vmlinuz, modules/*.ko and the dependencies
# between them.
kernel() {
    say "fetching the $2 kernel"
    packages=$(kernel_packages "$1")
    # shellcheck disable=SC2086 # a list of words
    fetch $packages
    modules=$NEW/kernels/$2/modules
    mkdir -p "$modules"
    find "$WORK/root" -name 'vmlinuz*' -type f -exec mv {} "$NEW/kernels/$2/vmlinuz" \;
    find "$WORK/root" -name '*.ko.xz' -exec "$BASE/busybox" unxz {} +
    find "$WORK/root" -name '*.ko' -exec mv -t "$modules" {} +
    dependencies "$modules"
    [ -s "$NEW/kernels/$2/vmlinuz" ] && [ -s "$modules/modules.dep" ] ||
        unavailable "the $2 kernel's packages are not laid out as expected" "report this as a bug"
}

if [ "$BASE" = "$NEW" ]; then
    kernel linux-image-cloud-amd64/bookworm 6.1-cloud
    kernel linux-image-cloud-amd64/trixie 6.12-cloud
fi
if [ "$NEWEST" = yes ]; then
    kernel linux-image-cloud-amd64/trixie-backports newest-cloud
    printf 'part newest\n' >>"$NEW/stamp"
fi

# --- An accelerator's guest -------------------------------------------------------------------

# keep MODULES NAME...: removes all modules but these and what they need.
keep() {
    directory=$1
    shift
    for module in "$@"; do
        pattern=$(printf '%s' "$module" | sed 's/[-_]/[-_]/g')
        line=$(grep "^$pattern\.ko:" "$directory/modules.dep") ||
            unavailable "the full kernel has no module $module" "report this as a bug"
        printf '%s\n' "$line" | tr -d ':' | tr ' ' '\n' >>"$WORK/kept"
    done
    find "$directory" -name '*.ko' | sed 's,.*/,,' | grep -v -x -F -f "$WORK/kept" |
        (cd "$directory" && xargs rm)
}

# dmatest DIRECTORY IMAGE: Debian's kernels come without it, so it is built for this one, from the
# source and with the headers of the very same version.
dmatest() {
    say "building dmatest for the $1 kernel"
    release=${2#linux-image-}
    version=$(sed -n "s/^package $2 \([^ ]*\) .*/\1/p" "$NEW/stamp")
    common=linux-headers-${release%-amd64}-common
    packages=
    for package in "linux-headers-$release" "$common" "linux-kbuild-$1" "linux-source-$1"; do
        apt-cache show "$package=$version" >"$LOG" 2>&1 ||
            unavailable "the mirror has $2 $version but not $package of that version" "$try_later"
        packages="$packages $package=$version"
    done
    # shellcheck disable=SC2086 # a list of words
    fetch $packages libelf1/bookworm # which objtool, one of the kernel's build tools, needs
    headers=$WORK/root/usr/src/linux-headers-$release
    sed -i "s,^include /usr/src,include $WORK/root/usr/src," "$headers/Makefile"
    mkdir "$WORK/dmatest"
    "$BASE/busybox" xzcat "$WORK/root/usr/src/linux-source-$1.tar.xz" |
        tar -x -O "linux-source-$1/drivers/dma/dmatest.c" >"$WORK/dmatest/dmatest.c"
    printf 'obj-m := dmatest.o\n' >"$WORK/dmatest/Makefile"
    LD_LIBRARY_PATH=$WORK/root/usr/lib/x86_64-linux-gnu make -C "$headers" M="$WORK/dmatest" \
        CC="$COMPILER" modules >"$LOG" 2>&1 ||
        unavailable "dmatest could not be built with $COMPILER" "set CC to another version of gcc"
    strip --strip-debug "$WORK/dmatest/dmatest.ko" 2>/dev/null || :
    mv "$WORK/dmatest/dmatest.ko" "$NEW/kernels/$1/modules/dmatest.ko"
}

if [ "$DSA" = yes ]; then
    # The cloud kernels have no idxd.
    kernel linux-image-amd64/bookworm 6.1
    # The full kernel has 400 MB of modules. The others here are those that every guest loads.
    keep "$NEW/kernels/6.1/modules" idxd idxd_bus virtio_pci virtio-rng virtio_blk virtio_console \
        vfio-pci vfio_iommu_type1 uio_pci_generic
    dmatest 6.1 "$packages"
    dependencies "$NEW/kernels/6.1/modules"
    printf 'part dsa\n' >>"$NEW/stamp"
fi

# --- Complete: record it and put it in place at once ------------------------------------------

rm -rf "$WORK"
LOG=
size() { printf 'size %s\n' "$(du -sm --exclude="$1/guest" "$1" | cut -f 1)"; }
files() { (cd "$NEW" && find . -type f ! -name 'stamp*' -exec sha256sum {} +) | sed 's/^/file /'; }
if [ "$BASE" = "$NEW" ]; then
    size "$NEW" >>"$NEW/stamp"
    files >"$NEW/stamp.files"
    cat "$NEW/stamp.files" >>"$NEW/stamp" && rm "$NEW/stamp.files"
    [ ! -e "$LAB" ] || mv "$LAB" "$LAB.replaced"
    mv "$NEW" "$LAB"
    rm -rf "$LAB.replaced"
else
    # The parts are kernels. Each appears at once, whole, and counts when the stamp names it.
    files >"$NEW/stamp.files"
    grep '^file ' "$STAMP" >"$NEW/stamp.old"
    for kernel in "$NEW"/kernels/*; do
        kernel=kernels/${kernel##*/}
        grep -v " \./$kernel/" "$NEW/stamp.old" >"$NEW/stamp.kept"
        mv "$NEW/stamp.kept" "$NEW/stamp.old"
        rm -rf "${LAB:?}/$kernel"
        mv "$NEW/$kernel" "$LAB/$kernel"
    done
    {
        grep -v -E '^(size|file) ' "$STAMP"
        cat "$NEW/stamp"
        size "$LAB"
        cat "$NEW/stamp.old" "$NEW/stamp.files"
    } >"$NEW/stamp.new"
    mv "$NEW/stamp.new" "$STAMP"
fi
summary "built in $(($(date +%s) - STARTED)) s"
