#!/usr/bin/env bash
# System instructions in 32-bit, 64-bit, compatibility and real mode: the DBT engine makes the same reads and writes as
# Bochs, the CPU's own descriptor and page-table writes included. (They call through call gates to an inner level, of
# which the VMX engine does not record the pushes.)
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
check() { # GUEST FROM TO
    tests/oracle/oracle.sh "$guests/$1.elf" "$2" "$3" --walks --engines "dbt hosted" >"$work/log" 2>&1
    expect "oracle for $1" 0 $?
    tail -n 12 "$work/log"
}
check system32 trace_from trace_to
symbol() { symbol_address "$guests/system64.elf" "$1"; }
check system64 trace_from "$(printf '0x%x' $((0x7000 + $(symbol real_end) - $(symbol real_start))))"
finish
