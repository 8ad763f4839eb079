#!/usr/bin/env bash
# start= and stop=instructions:N, exact to the instruction: what is recorded is what a trace of the whole run has of these.
# Where instructions are not counted the run does not begin, with a line that says so.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
guest=$guests/benchmark.elf arguments="t=48 u=100 n=20 warmup=1"
engram_qemu_run whole trace=rw "$guest" "$arguments"
engram_qemu_run part "trace=rw start=instructions:2001 stop=instructions:7003" "$guest" "$arguments"
expect_line "it says why the run ended" 'stop=instructions:7003 was reached' "$work/part/console"
accesses() { sed -E 's/^ *[0-9]+ //'; } # without their numbers
"$build/engram" print --from i:2001 --to i:7003 "$work/whole/trace.egrm" | accesses >"$work/expected"
"$build/engram" print "$work/part/trace.egrm" | accesses >"$work/got"
expect_between "accesses" 100 5002 "$(wc -l <"$work/got")"
expect_same "what is recorded" "$work/expected" "$work/got"
engram_run vmx "engine=vmx stop=instructions:5" "$guest" guest
expect_line "VMX does not count, and says what to do" 'instructions are not counted under engine=vmx; take engine=dbt' \
    "$work/vmx/console"
finish
