#!/usr/bin/env bash
# The hosted DBT engine records the benchmark's writes exactly: t·n of them, 4 bytes each, at `target`, the values
# 1, 2, 3, ..., by the one instruction that writes; and its reads, r·n of them with the value last written.
. "$(dirname "$0")/../lib.sh"

guest=$guests/benchmark.elf
target=$(symbol_address "$guest" target)
write=$(symbol_address "$guest" write_instruction)
read=$(symbol_address "$guest" read_instruction)
n=1000

run() { # NAME TRACE t
    mkdir -p "$work/$1"
    timeout 60 "$build/dbt-host" trace="$2" start=START stop=STOP out="$work/$1/trace.egrm" "$guest" "t=$3" u=100 n=$n \
        warmup=1000 >"$work/$1/console" 2>"$work/$1/engine"
    expect "$1: the guest ran to its end" "BOOT START STOP" "$(tr -s '\n' ' ' <"$work/$1/console" | sed 's/ $//')"
}
check() { # t
    local name=t$1 total=$(($1 * n))
    run "$name" w "$1"
    expect "t=$1: events" "$total" "$(meta "$name" events)"
    expect "t=$1: lost" 0 "$(meta "$name" lost)"
    awk -v n="$total" -v at="${target#0x}" 'BEGIN {
        for (i = 1; i <= n; i++)
            printf "W %s %s 4 %02x%02x%02x00\n", at, at, i % 256, int(i / 256) % 256, int(i / 65536)
    }' >"$work/$name/expected"
    oracle_list "$name" --rip "${write#0x}" >"$work/$name/list"
    expect_same "t=$1: every write by write_instruction" "$work/$name/expected" "$work/$name/list"
    "$build/engram" verify "$work/$name/trace.egrm" >"$work/$name/verify" 2>&1
    expect "t=$1: engram verify" 0 $?

    run "$name.rw" rw "$1"
    awk -v n=$n -v t="$1" -v at="${target#0x}" 'BEGIN {
        for (i = 1; i <= n; i++)
            for (r = t; r < 100; r++) {
                v = i * t
                printf "R %s %s 4 %02x%02x%02x00\n", at, at, v % 256, int(v / 256) % 256, int(v / 65536)
            }
    }' >"$work/$name.rw/expected"
    oracle_list "$name.rw" --rip "${read#0x}" >"$work/$name.rw/list"
    expect_same "t=$1: every read by read_instruction" "$work/$name.rw/expected" "$work/$name.rw/list"
}
for t in 0 1 5 48 100; do check "$t"; done
finish
