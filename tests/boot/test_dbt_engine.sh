#!/usr/bin/env bash
# The DBT engine in Bochs, which is as far from QEMU as emulators are: the benchmark's writes are exact, guests end as
# they do under VMX, accesses are those that Bochs itself sees, with the timer on. More of them are compared in QEMU
# (tests/oracle, tests/dbt/test_behaviour.sh).
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
export ENGINE=dbt

for t in 0 7 48; do
    OPTION_WORDS=("args=t=$t u=50 n=50 warmup=10")
    engram_run "benchmark$t" "start=text:START stop=text:STOP"
    expect "t=$t: events" $((t * 50)) "$(meta "benchmark$t" events)"
    expect "t=$t: lost" 0 "$(meta "benchmark$t" lost)"
    expect "t=$t: engine" dbt "$(meta "benchmark$t" engine)"
done
OPTION_WORDS=()

ends() { # NAME OPTIONS HOW
    engram_run "$1" "$2" "$guests/$1.elf" guest
    expect_line "$1" "engram: $3" "$work/$1/console"
    expect "$1: the dump is whole" 0 "$(cat "$work/$1/recv.code")"
}
ends triplefault "" "the guest triple-faulted"
ends poweroff "" "the guest switched the machine off"
ends reset "" "the guest reset the machine"
ends hang "timeout=2" "timeout=2: the time limit was reached"

tests/oracle/oracle.sh "$guests/paging64.elf" trace_from trace_to --cmdline "turns=8" \
    --handler handler_from-handler_to --counter ticks-ticks_end >"$work/log" 2>&1
expect "oracle for paging64" 0 $?
tail -n 1 "$work/log"
finish
