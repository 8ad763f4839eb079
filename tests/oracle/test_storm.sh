#!/usr/bin/env bash
# A timer interrupt storm during traced writes loses and doubles nothing: the program's own accesses are the same as
# without Engram.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
tests/oracle/oracle.sh "$guests/storm.elf" trace_from trace_to --cmdline "writes=1000" \
    --handler handler_from-handler_to --counter ticks-ticks_end >"$work/log" 2>&1
expect "oracle for storm" 0 $?
tail -n 12 "$work/log"
finish
