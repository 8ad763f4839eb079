#!/usr/bin/env bash
# The benchmark's accesses are the same with and without Engram, under every engine.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
check() {
    tests/oracle/oracle.sh "$guests/benchmark.elf" trace_from trace_to --cmdline "$1" --engines "vmx dbt hosted" \
        >"$work/log" 2>&1
    expect "oracle for $1" 0 $?
    tail -n 12 "$work/log"
}
check "t=48 u=100 n=100 warmup=100"
check "t=5 u=10 n=50 warmup=100"
finish
