#!/usr/bin/env bash
# System instructions in the DBT engine (hosted): the same reads and writes as Bochs makes, the CPU's own descriptor and
# page-table writes included, in 32-bit, 64-bit, compatibility and real mode.
. "$(dirname "$0")/../lib.sh"

# compare GUEST FROM TO: FROM and TO are addresses.
compare() {
    local guest=$1 from=$2 to=$3 name
    name=$(basename "$guest" .elf)
    native_run "$name" "$guest" "" "pb $from
pb $to
c
trace on
trace-mem on
c"
    expect "$name: breakpoints that Bochs reached" 2 "$(grep -c '^(0) Breakpoint' "$work/$name/debugger")"
    # A page-table entry has no linear address: the trace shows its physical one in both places.
    "$build/bin/bochs2list" -r -w <"$work/$name/debugger" | sed -E '/^PR /d; s/^PW 0 ([^ ]+)/W \1 \1/' >"$work/$name.bochs"
    expect_between "$name: accesses that Bochs shows" 100 10000 "$(wc -l <"$work/$name.bochs")"

    timeout 60 "$build/dbt-host" trace=rw start=START "out=$work/$name/trace.egrm" "$guest" >"$work/$name/console" 2>&1
    expect_line "$name: the guest ended by itself" 'ended: the guest wrote to the exit port' "$work/$name/console"
    # Recording starts earlier, when the guest prints: the region is what the list ends with.
    oracle_list "$name" | tail -n "$(wc -l <"$work/$name.bochs")" >"$work/$name.dbt"
    expect_same "$name: accesses" "$work/$name.bochs" "$work/$name.dbt"
}

symbol() { symbol_address "$1" "$2"; }
guest=$guests/system32.elf
compare "$guest" "$(symbol "$guest" trace_from)" "$(symbol "$guest" trace_to)"
guest=$guests/system64.elf
compare "$guest" "$(symbol "$guest" trace_from)" \
    "$(printf '0x%x' $((0x7000 + $(symbol "$guest" real_end) - $(symbol "$guest" real_start))))"
finish
