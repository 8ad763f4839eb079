#!/usr/bin/env bash
# A page fault that ends in a double fault leaves its address in CR2 (SDM Vol. 3A, interrupt 14), as without Engram.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
tests/oracle/oracle.sh "$guests/double_fault.elf" trace_from trace_to >"$work/log" 2>&1
expect "oracle for double_fault" 0 $?
tail -n 12 "$work/log"
finish
