#!/usr/bin/env bash
# Every write of the benchmark between START and STOP is recorded once: t·n of them, 4 bytes each, at `target`, the
# values 1, 2, 3, ..., by the one instruction that writes.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

guest=$guests/benchmark.elf
target=$(symbol_address "$guest" target)
rip=$(symbol_address "$guest" write_instruction)
n=1000

check() { # t
    local name=t$1 total=$(($1 * n))
    engram_run "$name" "start=text:START stop=text:STOP" "$guest" "guest t=$1 u=100 n=$n warmup=1000" || return
    expect "t=$1: the dump is whole" 0 "$(cat "$work/$name/recv.code")"
    expect "t=$1: events" "$total" "$(meta "$name" events)"
    expect "t=$1: lost" 0 "$(meta "$name" lost)"
    awk -v n="$total" -v at="${target#0x}" 'BEGIN {
        for (i = 1; i <= n; i++)
            printf "W %s %s 4 %02x%02x%02x00\n", at, at, i % 256, int(i / 256) % 256, int(i / 65536)
    }' >"$work/$name/expected"
    oracle_list "$name" >"$work/$name/list"
    expect_same "t=$1: every write" "$work/$name/expected" "$work/$name/list"
    oracle_list "$name" --rip "${rip#0x}" >"$work/$name/list.rip"
    expect_same "t=$1: every write by write_instruction" "$work/$name/expected" "$work/$name/list.rip"
    "$build/engram" verify "$work/$name/trace.egrm" >"$work/$name/verify" 2>&1
    expect "t=$1: engram verify" 0 $?
}
for t in 0 1 5 48 100; do check "$t"; done
finish
