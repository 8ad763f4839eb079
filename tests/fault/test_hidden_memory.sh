#!/usr/bin/env bash
# Hidden memory reads all ones, writes to it are dropped, counted and reported, and Engram goes on. Of an access that
# crosses from RAM into it the part in RAM is recorded, under both engines.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

engram_run hidden "start=text:START" "$guests/touch_hidden.elf" guest
console=$work/hidden/console
expect_line "reads give all ones, before and after a write" \
    '^top 0x[0-9a-f]+ before ffffffff after ffffffff byte 000000ff' "$console"
# What it touched lies in what Engram hides.
top=$(grep -aoP '^top 0x\K[0-9a-f]+' "$console")
low=$(grep -aoP 'engram: (hypervisor|engine|ring \(\w+\)) at 0x\K[0-9a-f]+' "$console" | sort | head -n 1)
expect "the guest found where the hidden memory begins" "$((0x${low:-0}))" "$((0x${top:-1}))"
expect_line "the console says it once" 'engram: the guest touched hidden memory at 0x' "$console"
expect "the dump is whole" 0 "$(cat "$work/hidden/recv.code")"
# Two reads and a write of 4 bytes, a read and a write of one.
expect "touches counted in the trace" 5 "$(meta hidden counter.sink_touches)"

# Accesses that cross into it, under ENGINE, recorded by OPTIONS; touches of hidden memory are counted to be TOUCHES.
crossing() { # NAME vmx|dbt OPTIONS TOUCHES
    local guest=$guests/cross_hidden.elf console=$work/$1/console hidden eip
    local options="start=rip:$(symbol_address "$guest" trace_from) $3"
    if [ "$2" = dbt ]; then engram_qemu_run "$1" "$options" "$guest"; else engram_run "$1" "$options" "$guest" guest; fi
    expect_line "$1: hidden memory reads ones after each write that crosses into it" \
        '^top 0x[0-9a-f]+ after ffffffff ffffffff ffffffff ffffffff' "$console"
    expect_line "$1: the console says it" 'engram: the guest touched hidden memory at 0x' "$console"
    hidden=$((0x$(grep -aoP '^top 0x\K[0-9a-f]+' "$console")))
    eip=$(symbol_address "$guest" on_breakpoint)
    {
        printf 'W %x %x 2 4433\n' $((hidden - 2)) $((hidden - 2))
        printf 'W %x %x 6 000000000000\n' $((hidden - 6)) $((hidden - 6))
        printf 'W %x %x 9 102132435465768798\n' $((hidden - 9)) $((hidden - 9))
        printf 'R %x %x 3 768798\n' $((hidden - 3)) $((hidden - 3))
        printf 'W %x %x 4 08000000\n' $((hidden - 4)) $((hidden - 4))
        printf 'W %x %x 4 %s\n' $((hidden - 8)) $((hidden - 8)) \
            "$(printf '%08x' "$eip" | sed 's/\(..\)\(..\)\(..\)\(..\)/\4\3\2\1/')"
    } | if [[ $3 == *trace=rw* ]]; then cat; else grep ^W; fi >"$work/$1/expected"
    oracle_list "$1" --gpa "$(printf '%x+100' $((hidden - 16)))" >"$work/$1/list"
    expect_same "$1: what is recorded lies in RAM" "$work/$1/expected" "$work/$1/list"
    expect "$1: touches counted in the trace" "$4" "$(meta "$1" counter.sink_touches)"
}
# Four writes and a read after each, and a read.
crossing cross vmx "" 9
crossing cross-rw vmx trace=rw 9
crossing cross-dbt dbt trace=rw 9
finish
