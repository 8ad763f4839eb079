#!/usr/bin/env bash
# walk-reads=on: what page walks read, entry by entry, faulting walks included, is what Bochs's own walks read; and where
# the CPU walks by itself Engram says so.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
tests/oracle/oracle.sh "$guests/walks.elf" trace_from trace_to --walk-reads --engines "hosted dbt" >"$work/log" 2>&1
expect "oracle for walks" 0 $?
tail -n 12 "$work/log"
for engine in hosted dbt; do
    expect_line "$engine: what was compared" "^$engine: 180 accesses compared: the same" "$work/log"
done
engram_run vmx "engine=vmx walk-reads=on" "$guests/walks.elf" guest
expect_line "VMX does not see them, and says what to do" 'walk-reads=on: under VMX .* take engine=dbt' "$work/vmx/console"
finish
