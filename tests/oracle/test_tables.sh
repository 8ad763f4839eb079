#!/usr/bin/env bash
# What the CPU writes itself is recorded where it comes among the other writes: accessed and dirty bits of page-table
# entries, accessed and busy bits of descriptors, by events, far transfers, segment loads and writes to fresh pages; also
# by an event whose delivery faults.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
check() { # guest, accesses, page walks among them
    tests/oracle/oracle.sh "$guests/$1.elf" trace_from trace_to --walks --engines "vmx dbt hosted" >"$work/$1.log" 2>&1
    expect "oracle for $1, with page walks" 0 $?
    tail -n 12 "$work/$1.log"
    expect_line "$1: what was compared" "^without Engram: $2 accesses, of them $3 by page walks" "$work/$1.log"
}
check tables 57 9
check tables32 23 5
finish
