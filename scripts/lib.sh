# Shared by the scripts of this folder; sourced, not run.
say() { printf 'engram: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# retry COMMAND...: a mirror that hiccups once is no reason to stop.
retry() {
    local n
    for n in 1 2 3; do
        "$@" && return 0
        say "attempt $n failed: $*"
        sleep "$n"
    done
    return 1
}

require_debian() {
    command -v apt-get >/dev/null && command -v dpkg >/dev/null ||
        die "$1 is fetched with apt on Debian; elsewhere get it by hand and see docs/hardware.md"
}
