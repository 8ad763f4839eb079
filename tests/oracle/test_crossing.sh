#!/usr/bin/env bash
# Accesses of every size across page borders are the same with and without Engram, under every engine, in 32-bit mode
# without paging and in 64-bit mode on scattered pages.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
tests/oracle/oracle.sh "$guests/crossing.elf" trace_from trace_to --engines "vmx dbt hosted" >"$work/log" 2>&1
expect "oracle for crossing" 0 $?
tail -n 12 "$work/log"
finish
