#!/usr/bin/env bash
# Hidden memory reads all ones, writes to it are dropped, counted and reported, and Engram goes on.
. "$(dirname "$0")/../lib.sh"

engram_run hidden "start=text:START" "$guests/touch_hidden.elf" guest
console=$work/hidden/console
expect_line "reads give all ones, before and after a write" \
    '^top 0x[0-9a-f]+ before ffffffff after ffffffff byte 000000ff' "$console"
# What it touched lies in what Engram hides.
top=$(grep -aoP '^top 0x\K[0-9a-f]+' "$console")
range=$(grep -aoP 'engram: (hypervisor|ring \(\w+\)) at 0x\K[0-9a-f]+-0x[0-9a-f]+' "$console" | sort | head -n 1)
expect_between "the address is hidden" $((0x${range%%-*})) $((${range#*-} - 1)) $((0x${top:-0} + 0x10000))
expect "the dump is whole" 0 "$(cat "$work/hidden/recv.code")"
expect_between "accesses to hidden memory are counted" 1 100 \
    "$(info_json hidden | grep -oP '"counter\.[a-z_.]*hidden[a-z_.]*":"\K[0-9]+' | sort -n | tail -n 1)"
finish
