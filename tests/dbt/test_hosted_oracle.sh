#!/usr/bin/env bash
# The hosted DBT engine records the same writes as Bochs sees: across page borders, and in 64-bit mode with paging, ring
# 3, system calls, faults and interrupts.
. "$(dirname "$0")/../lib.sh"

check() { # GUEST CMDLINE
    local dir=$work/$1 guest=$guests/$1.elf from to
    from=$(symbol_address "$guest" trace_from)
    to=$(symbol_address "$guest" trace_to)
    mkdir -p "$dir"
    native_run "$1" "$guest" "$2" "pb $from
pb $to
c
trace on
trace-mem on
c"
    "$build/bin/bochs2list" <"$dir/debugger" >"$dir/expected"
    # shellcheck disable=SC2086 # words
    timeout 60 "$build/dbt-host" trace=w start=START stop=STOP out="$dir/trace.egrm" "$guest" $2 >"$dir/console" \
        2>"$dir/engine"
    oracle_list "$1" --kind w >"$dir/list"
    "$build/bin/listcmp" "$dir/expected" "$dir/list" >"$dir/compared"
    expect "$1 $2" 0 $?
    tail -n 12 "$dir/compared"
}
check crossing ""
check paging64 "timer=0 turns=4"
finish
