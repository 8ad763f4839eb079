#!/usr/bin/env bash
# Makes a Debian machine ready: installs the packages that are missing (through
# sudo where needed, saying what and why) and fetches the sources that Debian
# does not ship in the form Engram needs. Prints make variables.
#
#   setup.sh build   what it takes to build and run
#   setup.sh test    that, and what the tests take
#   setup.sh bench   that of build, and what measuring takes
#   setup.sh linux   that of build, and what the Linux guest takes
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/lib.sh
. "$here/lib.sh"

# package:why
build=(
    "gcc:compiles the hypervisor and the host command"
    "libc6-dev:headers of the host command"
    "binutils:links the hypervisor"
    "nasm:assembles boot code and guests"
    "libzycore-dev:headers of the x86 decoder"
    "liblz4-dev:decompression in the host command"
    "libzstd-dev:compression of Parquet files in the host command"
    "dpkg-dev:unpacks Debian's source packages"
    "ca-certificates:fetching over https"
    "xz-utils:unpacks sources"
    "grub-common:grub-mkrescue makes the ISO"
    "grub-pc-bin:GRUB for BIOS machines"
    "grub-efi-amd64-bin:GRUB for UEFI machines"
    "xorriso:writes the ISO"
    "mtools:makes the ISO's EFI partition"
    "bochs:the emulated machine with VMX"
    "bochs-x:its display plugins"
    "bochsbios:its firmware"
    "vgabios:its video firmware"
    "qemu-system-x86:the emulated machine without VMX, and KVM's"
    "socat:connects serial lines"
)
test=(
    "libcmocka-dev:unit tests"
    "ovmf:UEFI firmware"
    "clang:sanitizers and fuzzing"
    "jq:reads the command's JSON"
    "python3-numpy:reads .npy, checks binary formats"
    "babeltrace2:reads CTF"
    "protobuf-compiler:reads gem5's packets"
    "libclang-rt-14-dev|libclang-rt-19-dev|libclang-rt-dev:the fuzzer's runtime"
)
# Large ones, without which some tests skip themselves. command package:why
optional=(
    "npm npm:fetches DuckDB, which reads Parquet"
    "chromium chromium:shows the report"
    "rsvg-convert librsvg2-bin:makes PNG of SVG"
    "valgrind valgrind:an independent simulation of caches"
)
bench=(
    "gnuplot-nox|gnuplot-qt|gnuplot-x11:draws the plot"
    "zstd:what the host command is compared with"
    "time:says how much memory it took"
)

linux=(
    "cpio:packs the initramfs"
)

installed() { dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; }

# missing LIST...: prints the packages that have to be installed, a line "package why" each.
missing() {
    local entry names why name
    for entry in "$@"; do
        names=${entry%%:*} why=${entry#*:}
        local found=
        for name in ${names//|/ }; do installed "$name" && found=1 && break; done
        [ -n "$found" ] || echo "$names $why"
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; return; fi
    command -v sudo >/dev/null || die "this needs root: run as root, or install sudo: $*"
    sudo "$@"
}

install_missing() {
    local list names name chosen=()
    list=$(missing "$@")
    [ -n "$list" ] || return 0
    if ! command -v apt-get >/dev/null; then
        say "this is no Debian system; please install what these Debian packages hold, then try again:"
        printf '%s\n' "$list" >&2
        exit 1
    fi
    say "installing these packages with apt-get:"
    while read -r names why; do printf '    %-22s %s\n' "${names%%|*}" "$why" >&2; done <<<"$list"
    retry as_root apt-get -q update >&2
    while read -r names _; do
        for name in ${names//|/ }; do
            if apt-cache show "$name" >/dev/null 2>&1; then chosen+=("$name"); break; fi
        done
    done <<<"$list"
    retry as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${chosen[@]}" >&2
}

# One by one: what cannot be had does not keep the others away.
install_optional() {
    local entry command
    command -v apt-get >/dev/null || return 0
    for entry in "${optional[@]}"; do
        command=${entry%% *}
        command -v "$command" >/dev/null || (install_missing "${entry#* }") ||
            say "going on without $command: some tests will skip themselves"
    done
}

# On other systems the tools may be there under other package names: look for the commands instead.
tools_present() {
    local tool
    for tool in gcc ld nasm grub-mkrescue xorriso; do command -v "$tool" >/dev/null || return 1; done
}

case "${1:-}" in
build) list=("${build[@]}") ;;
test) list=("${build[@]}" "${test[@]}") ;;
bench) list=("${build[@]}" "${bench[@]}") ;;
linux) list=("${build[@]}" "${linux[@]}") ;;
*) die "usage: setup.sh build|test|bench|linux" ;;
esac

if command -v dpkg-query >/dev/null; then
    install_missing "${list[@]}"
    [ "$1" != test ] || install_optional
elif ! tools_present; then
    install_missing "${list[@]}"
fi
echo "ZYDIS_SRC := $("$here/fetch.sh" zydis | tail -n 1)"
echo "LZ4_SRC := $("$here/fetch.sh" lz4 | tail -n 1)"
