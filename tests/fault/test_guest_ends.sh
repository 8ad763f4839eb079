#!/usr/bin/env bash
# A guest that triple-faults, resets, powers off, hangs or halts: the trace is kept, the reason and the registers are
# reported.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

awk 'BEGIN { for (i = 16; i > 0; i--) printf "%02x000000\n", i }' >"$work/expected"
check() { # NAME OPTIONS GUEST CMDLINE REASON
    RUN_SECONDS=30 engram_run "$1" "start=text:START $2" "$guests/$3.elf" "guest $4"
    expect_line "$1: the reason on the console" "engram: .*($5)" "$work/$1/console"
    expect_line "$1: registers" "engram: rip [0-9a-f]{16}" "$work/$1/console"
    expect "$1: the dump is whole" 0 "$(cat "$work/$1/recv.code")"
    oracle_list "$1" | awk '{ print $5 }' >"$work/$1/data"
    expect_same "$1: the guest's writes" "$work/expected" "$work/$1/data"
    if ! meta "$1" end | grep -Eq "$5"; then
        expect "$1: the reason in the trace" "$5" "$(meta "$1" end)"
    fi
}
check triplefault "" triplefault "" "triple-fault"
check reset_keyboard "" reset "how=0" "reset"
check reset_chipset "" reset "how=1" "reset"
check reset_fast "" reset "how=2" "reset"
check poweroff "" poweroff "" "power|switched .*off"
check poweroff_byte "" poweroff "how=1" "switched the machine off \\(ACPI sleep type 0\\)"
check poweroff_dword "" poweroff "how=2" "switched the machine off \\(ACPI sleep type 0\\)"
check hang "timeout=3" hang "" "timeout=3: the time limit was reached"
check halt "" elf64 "" "halted with interrupts off"
finish
