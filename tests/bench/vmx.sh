#!/usr/bin/env bash
# What a traced write costs in the VMX engine: guests under Engram in Bochs, where one TSC tick is one instruction.
# A line per run to build/bench/vmx.tsv: guest, arguments, writes recorded, exits, stores carried out, steps, events
# delivered, ticks in the hypervisor for all recorded writes, for those carried out, stepped, of events.
#
# shellcheck disable=SC2034 # OPTION_WORDS is engram_run's
TEST_NAME=bench
. "$(dirname "$0")/../lib.sh"

out=build/bench/vmx.tsv
runs=0
mkdir -p build/bench
printf '#guest\targuments\twrites\texits\temulated\tsteps\tevents\tticks\tticks_emulated\tticks_stepped\tticks_events\n' >$out.new

# counter NAME KEY: 0 where the trace has none
counter() {
    local value
    value=$(meta "$1" "counter.$2")
    echo "${value:-0}"
}

# one GUEST ARGUMENTS OPTIONS [EXPECTED-WRITES]
one() {
    local name=run$((runs += 1)) writes exits=0 reason
    printf '  bochs: %s %s\n' "$1" "$2" >&2
    engram_run "$name" "ring=1M $3" "$guests/$1.elf" "$1 $2" || exit 1
    writes=$(meta "$name" events)
    [ -n "$writes" ] || die "bench: no trace came of $1 $2: see $work/$name/console"
    [ -z "${4:-}" ] || [ "$writes" = "$4" ] || die "bench: $1 $2 wrote $4 times, $writes writes were recorded"
    for reason in ept_violation mtf exception_or_nmi external_interrupt; do
        exits=$((exits + $(counter "$name" "exit.$reason")))
    done
    printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$writes" "$exits" \
        "$(counter "$name" stores_emulated)" "$(counter "$name" steps)" "$(counter "$name" events_delivered)" \
        "$(counter "$name" hv_ticks_record)" "$(counter "$name" hv_ticks_emulated)" \
        "$(counter "$name" hv_ticks_stepped)" "$(counter "$name" hv_ticks_events)" >>$out.new
}

for t in 0 1 5 10 25 48 75 100; do
    n=$((t ? 200000 / t : 20000))
    one benchmark "t=$t u=100 n=$n warmup=1000" "$(region "$guests/benchmark.elf" trace_from trace_to)" $((t * n))
done
one crossing "" "$(region "$guests/crossing.elf" trace_from trace_to)"
one paging64 "timer=0 turns=100" "$(region "$guests/paging64.elf" trace_from trace_to)"
mv $out.new $out
