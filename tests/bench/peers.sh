#!/usr/bin/env bash
# The benchmark's time per outer turn: as a Linux process, under QEMU, under QEMU with the recording plugin, and under
# Engram's DBT engine (hosted). To build/bench/peers.tsv.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
# shellcheck source=tests/bench/peer.sh
. tests/bench/peer.sh

u=100

measure() { # PEER T N
    run_peer "$1" build/guest/benchmark.elf "t=$2 u=$u n=$3 warmup=3000000" \
        "${pin[@]}" build/bench/native "t=$2" "u=$u" "n=$3" || return
    check_records "$1" $(($2 * $3))
}

# The guest is a 32-bit kernel, so qemu-system-i386 runs it too. Depending on where its memory happens to lie, either
# emulator may be up to three times slower than the other: both are measured, and the better of the two is the peer.
measure_all build/bench/peers.tsv 20000 "0 1 5 10 25 48 75 100" \
    native qemu qemu32 plugin-w plugin-w32 plugin-rw plugin-rw32 dbt dbt-w dbt-rw
