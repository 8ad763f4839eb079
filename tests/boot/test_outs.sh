#!/usr/bin/env bash
# OUTS to the console from a page that is not present is a page fault of the guest's, as without Engram.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

guest=$guests/outs.elf
native_run native "$guest" "" "pb $(symbol_address "$guest" outs_done)
c"
RUN_SECONDS=30 engram_run outs "start=text:START" "$guest" guest
console() { sed -n '/^START/,/^STOP/p' "$1" | tr -d '\r'; }
console "$work/native/serial" >"$work/expected"
console "$work/outs/console" >"$work/got"
expect_line "the fault is at the second page, not present, with the rest left to do" \
    '^fault at 0x00801000 error 0 left 15' "$work/expected"
expect_same "the console with and without Engram" "$work/expected" "$work/got"
expect "the run ends where the guest does" "the guest halted with interrupts off" "$(meta outs end)"
finish
