#!/usr/bin/env bash
# Filters on the command line, under both engines: what of the whole trace passes is recorded, the rest is counted (by
# the VMX engine as far as it exits), and stop=events: counts what passes.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

run() { # ENGINE NAME OPTIONS GUEST ARGUMENTS
    if [ "$1" = vmx ]; then
        engram_run "$1.$2" "engine=vmx start=text:START $3" "$guests/$4.elf" "guest $5"
    else
        engram_qemu_run "$1.$2" "start=text:START $3" "$guests/$4.elf" "$5"
    fi
    oracle_list "$1.$2" >"$work/$1.$2/list"
}

# But for interrupts, and without the event numbers and what stands behind the CPL.
places() { "$build/engram" print "$1/trace.egrm" | grep -v interrupt | cut -c11- | sed 's/ icount .*//'; }

for engine in vmx dbt; do
    mix=(mix "n=1 parts=list")
    run $engine whole "stop=text:STOP" "${mix[@]}"
    whole=$(wc -l <"$work/$engine.whole/list")
    # The upper half of the page that is written most.
    first=0x$(awk '{ print substr($3, 1, length($3) - 3) }' "$work/$engine.whole/list" | sort | uniq -c | sort -rn |
        awk 'NR == 1 { print $2 }')800
    run $engine gpa "stop=text:STOP filter-gpa=$first+2048" "${mix[@]}"
    "$build/engram" print --format oracle --gpa "${first#0x}+800" "$work/$engine.whole/trace.egrm" >"$work/expected"
    expect_same "$engine: a range" "$work/expected" "$work/$engine.gpa/list"
    inside=$(wc -l <"$work/expected")
    expect_between "$engine: some pass" 2 $((whole - 1)) "$inside"
    run $engine events "filter-gpa=$first+2048 stop=events:$((inside / 2))" "${mix[@]}"
    head -n $((inside / 2)) "$work/expected" >"$work/half"
    expect_same "$engine: stop=events:" "$work/half" "$work/$engine.events/list"

    # Interrupts come between, at CPL 0.
    user=(paging64 "turns=5")
    run $engine levels "stop=text:STOP" "${user[@]}"
    run $engine user "stop=text:STOP filter-cpl=user" "${user[@]}"
    places "$work/$engine.levels" | grep ' cpl 3$' >"$work/expected"
    places "$work/$engine.user" >"$work/$engine.user/list"
    expect_same "$engine: user accesses" "$work/expected" "$work/$engine.user/list"
    expect_between "$engine: there are some" 10 100000 "$(wc -l <"$work/expected")"
done
expect "dbt: all others are counted" $((whole - inside)) "$(meta dbt.gpa filtered)"
expect_between "vmx: pages that the filter keeps out do not exit" 0 \
    $(($(meta vmx.whole counter.exit.ept_violation) - 1)) "$(meta vmx.gpa counter.exit.ept_violation)"
finish
