#!/usr/bin/env bash
# The DBT engine on bare metal: the benchmark's writes are exact, guests end as they do under VMX, accesses are those
# that Bochs itself sees, with the timer on as well.
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

oracle() { # GUEST CMDLINE [MORE]
    local name=$1 cmdline=$2
    shift 2
    tests/oracle/oracle.sh "$guests/$name.elf" trace_from trace_to --cmdline "$cmdline" "$@" >"$work/log" 2>&1
    expect "oracle for $name $cmdline" 0 $?
    tail -n 1 "$work/log"
}
timer=(--handler handler_from-handler_to --counter ticks-ticks_end)
oracle crossing ""
oracle paging64 "timer=0 turns=4" "${timer[@]}"
oracle paging64 "turns=8" "${timer[@]}"
finish
