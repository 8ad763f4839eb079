#!/usr/bin/env bash
# Hidden memory reads all ones, writes to it are dropped, counted and reported, and Engram goes on.
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
finish
