#!/usr/bin/env bash
# Masked stores, state saves, bit offsets and other unusual writes are the same with and without Engram, while the
# guest has not enabled XSAVE.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
tests/oracle/oracle.sh "$guests/unusual.elf" trace_from trace_to >"$work/log" 2>&1
expect "oracle for unusual" 0 $?
tail -n 12 "$work/log"
finish
