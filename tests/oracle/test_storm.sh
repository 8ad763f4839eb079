#!/usr/bin/env bash
# A timer interrupt storm during traced writes loses and doubles nothing: the program's own accesses are the same as
# without Engram.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# As in Bochs an interrupt is due when the region begins, so that the counter is the same.
HOSTED_OPTIONS=tick=1 tests/oracle/oracle.sh "$guests/storm.elf" trace_from trace_to --cmdline "writes=1000" \
    --handler handler_from-handler_to --counter ticks-ticks_end --engines "vmx vmx-rw dbt hosted" >"$work/log" 2>&1
expect "oracle for storm" 0 $?
tail -n 12 "$work/log"
# A storm of no interrupts would show nothing: five writes each (three words of frame, one push, one count).
interrupts() { # ENGINE LEAST
    local without with
    read -r without with < <(grep -oP "^$1:.* own \K[0-9]+ without and [0-9]+" "$work/log" | sed 's/ without and / /')
    expect_between "handler's writes without Engram" $((5 * 5)) 100000 "${without:-0}"
    expect_between "handler's writes, $1" $((5 * $2)) 10000000 "${with:-0}"
}
interrupts vmx 100
interrupts vmx-rw 20
interrupts dbt 1
interrupts hosted 20
finish
