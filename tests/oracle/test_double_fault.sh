#!/usr/bin/env bash
# A page fault that ends in a double fault leaves its address in CR2 (SDM Vol. 3A, interrupt 14), as without Engram.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
check() { # ENGINES
    tests/oracle/oracle.sh "$guests/double_fault.elf" trace_from trace_to --engines "$1" >"$work/log" 2>&1
    expect "oracle for double_fault, engines $1" 0 $?
    tail -n 12 "$work/log"
}
check vmx
# #DF is no fault but an abort: RF is pushed as it is, 0 (SDM Vol. 3B, 17.3.1.1). Bochs has set it for the page fault
# before.
BOCHS_EDIT='s/ 4600010000000000$/ 4600000000000000/' check "dbt hosted"
finish
