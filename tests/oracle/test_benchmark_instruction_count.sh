#!/usr/bin/env bash
# The benchmark's share of writing instructions is exactly t / (5 + 5u): counted by Bochs, whose clock goes by one
# for every instruction.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

guest=$guests/benchmark.elf
outer=$(symbol_address "$guest" outer)
finished=$(symbol_address "$guest" trace_to)
write=$(symbol_address "$guest" write_instruction)
n=20

# From the first execution of `outer` to the loop's end.
count() { # t u
    local name=t$1-u$2
    native_run "$name" "$guest" "t=$1 u=$2 n=$n warmup=1" "pb $outer
c
d 1
pb $finished
trace on
c"
    grep -oP '^Next at t=\K[0-9]+' "$work/$name/debugger" | tail -n 2 | paste -sd' ' >"$work/$name/ticks"
    read -r first last <"$work/$name/ticks"
    expect "instructions for t=$1 u=$2 n=$n" $((n * (5 + 5 * $2))) $((last - first))
    expect "writes for t=$1 u=$2 n=$n" $((n * $1)) \
        "$(grep -c "^(0).*\[$(printf '0x%012x' "$write")\]" "$work/$name/debugger")"
}
for t in 0 1 5 48 99 100; do count "$t" 100; done
count 0 1
count 1 1
count 0 0
finish
