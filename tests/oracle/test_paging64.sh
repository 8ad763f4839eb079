#!/usr/bin/env bash
# A 64-bit guest with its own paging, ring 3, system calls, faults and the timer: the same accesses with and without
# Engram, under every engine, the timer handler's compared on their own.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
check() { # CMDLINE [MORE]
    local cmdline=$1
    shift
    tests/oracle/oracle.sh "$guests/paging64.elf" trace_from trace_to --cmdline "$cmdline" --engines "vmx dbt hosted" \
        "$@" >"$work/log" 2>&1
    expect "oracle for paging64 $cmdline" 0 $?
    tail -n 12 "$work/log"
}
check "timer=0 turns=4"
check "turns=8" --handler handler_from-handler_to --counter ticks-ticks_end
# The timer must really have interrupted both, or nothing was shown.
read -r without with < <(grep -oP "^vmx.* own \K[0-9]+ without and [0-9]+" "$work/log" | sed 's/ without and / /')
expect_between "handler's accesses without Engram" 7 100000 "${without:-0}"
expect_between "handler's accesses with Engram" 7 10000000 "${with:-0}"
finish
