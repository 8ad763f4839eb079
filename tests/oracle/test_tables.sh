#!/usr/bin/env bash
# What the CPU writes itself is recorded where it comes among the other writes: accessed and dirty bits of page-table
# entries, accessed and busy bits of descriptors, by events, far transfers, segment loads and writes to fresh pages.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
tests/oracle/oracle.sh "$guests/tables.elf" trace_from trace_to --walks >"$work/log" 2>&1
expect "oracle for tables, with page walks" 0 $?
tail -n 12 "$work/log"
expect_line "page walks among what was compared" "^without Engram: 49 accesses, of them 8 by page walks" "$work/log"
finish
