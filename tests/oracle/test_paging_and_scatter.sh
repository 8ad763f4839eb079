#!/usr/bin/env bash
# PAE paging with what MOV to CR0 does, and values at pseudo-random addresses: the same accesses with and without Engram,
# under every engine.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
check() { # GUEST FROM TO CMDLINE
    tests/oracle/oracle.sh "$guests/$1.elf" "$2" "$3" --cmdline "$4" --engines "vmx dbt hosted" >"$work/log" 2>&1
    expect "oracle for $1" 0 $?
    tail -n 12 "$work/log"
}
check pae start finished ""
check scatter trace_from trace_to n=500
finish
