#!/usr/bin/env bash
# What MOV to control and debug registers does where Engram carries it out: page-directory pointers are loaded and
# checked with PAE paging; a breakpoint of the guest's own at a trigger's address is the guest's; the operand has 32
# bits in compatibility mode. All as without Engram.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
export RUN_SECONDS=60

check() { # GUEST OPTIONS LINE
    local guest=$guests/$1.elf
    native_run "$1-native" "$guest" "" "pb $(symbol_address "$guest" finished)
c"
    expect_line "$1 without Engram" "^$3" "$work/$1-native/serial"
    engram_run "$1" "$2" "$guest" guest
    expect_line "$1" "^$3" "$work/$1/console"
}
check pae "" 'bad at start 13, old 1, new 2, bad later 13, same 2'
guest=$guests/debug_registers.elf
check debug_registers "$(region "$guest" trace_from finished)" 'breakpoints 1 protection 0 dr7 0x00000404'
# The breakpoint's frame belongs to the trace that begins where it hits: 5 words, the first of its handler's writes.
expect "frame, count" "8 8 8 8 8 8" "$(oracle_list debug_registers | head -n 6 | awk '{ print $4 }' | paste -sd' ')"
finish
