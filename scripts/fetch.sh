#!/usr/bin/env bash
# Fetches what Debian ships only in another form than Engram needs, into a
# cache folder of the user's, without changing anything of the system:
#
#   fetch.sh zydis   source of the x86 decoder (the hypervisor links it freestanding)
#   fetch.sh lz4     source of the LZ4 compressor (likewise)
#   fetch.sh bochs   Bochs 3.0 from trixie, where the system's is older
#   fetch.sh qemu    QEMU 10 from bookworm-backports, where the system's is older: for measuring only
#   fetch.sh linux   Debian 12's kernel for virtual machines and a static busybox, unpacked, as a guest
#   fetch.sh duckdb  DuckDB for Node.js, from npm: for testing only
#
# Prints the resulting folder as its last line. ZYDIS_SRC=, LZ4_SRC=, BOCHS_ROOT=,
# QEMU_ROOT= and LINUX_ROOT= name trees that are already there and are used as they are.
set -euo pipefail

cache=${ENGRAM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/engram}
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/lib.sh
. "$here/lib.sh"

# The Debian mirror the system itself uses, so that a local mirror keeps working.
system_mirror() {
    local uri
    uri=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null |
        grep -m1 -E '/debian/?$' || true)
    echo "${uri:-http://deb.debian.org/debian}"
}

# apt_for SUITE ARGS...: apt-get with a source list, state and cache of its own; apt_cache_for: the same with apt-cache.
apt_for() { apt_tool_for apt-get "$@"; }
apt_cache_for() { apt_tool_for apt-cache "$@"; }
apt_tool_for() {
    local tool=$1 suite=$2 dir=$cache/apt-$2
    shift 2
    mkdir -p "$dir/state/lists/partial" "$dir/cache/archives/partial" "$dir/parts"
    : >"$dir/status"
    local mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    mirror=$(system_mirror)
    printf 'deb [signed-by=%s] %s %s main\ndeb-src [signed-by=%s] %s %s main\n' \
        "$keyring" "$mirror" "$suite" "$keyring" "$mirror" "$suite" >"$dir/sources.list"
    "$tool" -q -o Dir::Etc::sourcelist="$dir/sources.list" \
        -o Dir::Etc::sourceparts="$dir/parts" \
        -o Dir::State="$dir/state" -o Dir::State::status="$dir/status" \
        -o Dir::Cache="$dir/cache" -o Acquire::Retries=4 \
        -o APT::Sandbox::User="$(id -un)" "$@"
}

# fetch_source NAME VERSION FILE SHA256: Debian's orig tarball, checked and unpacked.
fetch_source() {
    local name=$1 version=$2 file=$3 sha=$4 dir=$cache/$1-$2
    if [ ! -f "$dir/.complete" ]; then
        require_debian "the source of $name $version"
        mkdir -p "$cache/download"
        if ! echo "$sha  $cache/download/$file" | sha256sum -c --status 2>/dev/null; then
            say "fetching the source of $name $version (Debian's tarball, pinned by sha256)"
            apt_for bookworm update >&2
            (cd "$cache/download" && retry apt_for bookworm source --download-only --tar-only "$name" >&2)
            echo "$sha  $cache/download/$file" | sha256sum -c --status ||
                die "$file does not have the expected sha256 $sha; remove $cache/download and try again"
        fi
        rm -rf "$dir"
        mkdir -p "$dir"
        tar -xf "$cache/download/$file" -C "$dir" --strip-components=1
        touch "$dir/.complete"
    fi
    echo "$dir"
}

bochs_is_recent() {
    local v
    v=$(dpkg-query -W -f '${Version}' bochs 2>/dev/null) && dpkg --compare-versions "$v" ge 3.0
}

# Bochs before 3.0 claims MTF but never delivers the exit.
fetch_bochs() {
    local dir=$cache/bochs-3.0 p
    if bochs_is_recent; then echo /; return; fi
    if [ ! -f "$dir/.complete" ]; then
        require_debian "Bochs 3.0"
        say "fetching Bochs 3.0 from Debian 13 (the installed one cannot step a VMX guest)"
        apt_for trixie update >&2
        mkdir -p "$cache/download" && rm -rf "$dir" && mkdir -p "$dir"
        (cd "$cache/download" && rm -f ./*.deb && retry apt_for trixie download bochs bochsbios vgabios \
            libc6 libstdc++6 libgcc-s1 libreadline8t64 libtinfo6 >&2)
        for p in "$cache"/download/*.deb; do dpkg -x "$p" "$dir"; done
        touch "$dir/.complete"
    fi
    echo "$dir"
}

qemu_is_recent() {
    local v
    v=$(dpkg-query -W -f '${Version}' qemu-system-x86 2>/dev/null) && dpkg --compare-versions "$v" ge 1:10.0
}

# QEMU's plugins before 10 get no data, and its filter of reads and writes is wrong in 7.2.
fetch_qemu() {
    local dir=$cache/qemu-10 p
    if qemu_is_recent; then echo /; return; fi
    if [ ! -f "$dir/.complete" ]; then
        require_debian "QEMU 10"
        say "fetching QEMU 10 from bookworm-backports (the installed one's plugins see less)"
        retry apt_for bookworm-backports update >&2
        rm -rf "$dir" "$cache/download-qemu" && mkdir -p "$dir" "$cache/download-qemu"
        (cd "$cache/download-qemu" && retry apt_for bookworm-backports download \
            qemu-system-x86 qemu-system-common qemu-system-data >&2)
        for p in "$cache"/download-qemu/*.deb; do dpkg -x "$p" "$dir"; done
        "$dir/usr/bin/qemu-system-x86_64" --version >/dev/null 2>&1 || die "the fetched QEMU does not run here: $dir"
        touch "$dir/.complete"
    fi
    echo "$dir"
}

# The metapackage names the newest kernel of the suite.
fetch_linux() {
    local dir=$cache/linux-cloud package p
    if [ ! -f "$dir/.complete" ]; then
        require_debian "a Linux kernel"
        say "fetching Debian 12's kernel for virtual machines and a static busybox: to be unpacked, not installed"
        retry apt_for bookworm update >&2
        package=$(apt_cache_for bookworm depends linux-image-cloud-amd64 |
            sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1)
        [ -n "$package" ] || die "Debian 12's linux-image-cloud-amd64 names no kernel"
        rm -rf "$dir" "$cache/download-linux" && mkdir -p "$dir" "$cache/download-linux"
        (cd "$cache/download-linux" && retry apt_for bookworm download "$package" busybox-static >&2)
        for p in "$cache"/download-linux/*.deb; do dpkg -x "$p" "$dir"; done
        rm -rf "$dir/lib/modules" "$cache/download-linux"
        touch "$dir/.complete"
    fi
    echo "$dir"
}

# Reads the Parquet files that `engram convert` writes. Its programs lie in npm's packages themselves.
fetch_duckdb() {
    local dir=$cache/duckdb-1.5.6
    if [ ! -f "$dir/.complete" ]; then
        command -v npm >/dev/null || die "DuckDB comes with npm, and there is no npm here"
        say "fetching DuckDB for Node.js with npm"
        rm -rf "$dir" && mkdir -p "$dir"
        echo '{"private": true}' >"$dir/package.json"
        npm install --prefix "$dir" --no-audit --no-fund --silent @duckdb/node-api@1.5.6-r.1 >&2 || die "npm could not fetch DuckDB"
        touch "$dir/.complete"
    fi
    echo "$dir"
}

case "${1:-}" in
zydis) [ -n "${ZYDIS_SRC:-}" ] && { echo "$ZYDIS_SRC"; exit; }
    fetch_source zydis 4.0.0 zydis_4.0.0.orig.tar.gz \
        e990107f80c62afc1deb51de230023a1098db801b8ea6bf483e296d45459e234 ;;
lz4) [ -n "${LZ4_SRC:-}" ] && { echo "$LZ4_SRC"; exit; }
    fetch_source lz4 1.9.4 lz4_1.9.4.orig.tar.gz \
        0b0e3aa07c8c063ddf40b082bdf7e37a1562bda40a0ff5272957f3e987e0e54b ;;
bochs) [ -n "${BOCHS_ROOT:-}" ] && { echo "$BOCHS_ROOT"; exit; }
    fetch_bochs ;;
qemu) [ -n "${QEMU_ROOT:-}" ] && { echo "$QEMU_ROOT"; exit; }
    fetch_qemu ;;
linux) [ -n "${LINUX_ROOT:-}" ] && { echo "$LINUX_ROOT"; exit; }
    fetch_linux ;;
duckdb) fetch_duckdb ;;
*) die "usage: fetch.sh zydis|lz4|bochs|qemu|linux|duckdb" ;;
esac
