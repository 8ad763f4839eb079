#!/usr/bin/env bash
# Storms: code that is rewritten at random and run (guest/rewrite.asm), which checks itself, and interrupts as fast as they
# can be handled (guest/storm.asm). The results are those of Bochs or of the other runs, and memory is bounded. TURNS=
# makes them longer: 10000000 take minutes.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
require_cpu bmi2 "translated code uses it"
turns=${TURNS:-30000}

result() { grep -a '^turns ' "$1" | tr -d '\r'; } # FILE
counter() { grep -oP "^\Q$2\E=\K[0-9]+" "$work/$1.engine"; } # NAME WHICH

hosted() { # NAME "OPTIONS" GUEST ARGUMENTS...
    local name=$1 options=$2 guest=$3
    shift 3
    # shellcheck disable=SC2086 # words
    timeout "${RUN_SECONDS:-500}" "$build/dbt-host" counters=1 "out=$work/$name.egrm" $options "$guests/$guest.elf" "$@" \
        >"$work/$name.console" 2>"$work/$name.engine"
    rm -f "$work/$name.egrm"
}

# ---- code that is rewritten ----

rewrite=(slots=512 paged=1)
native_run rewrite "$guests/rewrite.elf" "n=20000 ${rewrite[*]}" "pb $(symbol_address "$guests/rewrite.elf" all_done)
c"
hosted rewrite.short "trace=none" rewrite n=20000 "${rewrite[@]}"
expect "rewrite: as on Bochs" "$(result "$work/rewrite/serial")" "$(result "$work/rewrite.short.console")"
expect_line "rewrite: it finds no mismatch" '^turns 20000 mismatches 0 sum [0-9a-f]{8}$' "$work/rewrite.short.console"

hosted rewrite.plain "trace=none" rewrite "n=$turns" "${rewrite[@]}"
expect_line "rewrite: no mismatch" "^turns $turns mismatches 0 sum" "$work/rewrite.plain.console"
expect_between "rewrite: memory, KiB" 1 $((96 << 10)) "$(counter rewrite.plain host.peak_rss_kib)"

# The smallest code cache, flushed again and again: no more memory for ten times as many turns.
hosted rewrite.tenth "trace=none cache=256" rewrite "n=$((turns / 10))" "${rewrite[@]}"
hosted rewrite.small "trace=none cache=256" rewrite "n=$turns" "${rewrite[@]}"
expect "rewrite: the same with a small code cache" "$(result "$work/rewrite.plain.console")" \
    "$(result "$work/rewrite.small.console")"
expect_between "rewrite: flushes of the code cache" $((turns / 1000)) "$turns" "$(counter rewrite.small counter.dbt.flushes)"
expect_between "rewrite: memory stays, KiB" 1 $(($(counter rewrite.tenth host.peak_rss_kib) + 1024)) \
    "$(counter rewrite.small host.peak_rss_kib)"

# Recorded, into a ring that wraps: the dictionary of blocks is begun anew as well.
hosted rewrite.traced "trace=rw ring=16 ring.mode=wrap cache=256" rewrite "n=$turns" "${rewrite[@]}"
expect "rewrite: the same when recorded" "$(result "$work/rewrite.plain.console")" "$(result "$work/rewrite.traced.console")"
expect_between "rewrite: dictionaries" 2 "$turns" "$(counter rewrite.traced counter.dbt.dictionaries)"
expect_between "rewrite: memory when recorded, KiB" 1 $((64 << 10)) "$(counter rewrite.traced host.peak_rss_kib)"

# Other code, other places, no paging.
for seed in 2 3 4; do
    hosted "rewrite.$seed" "trace=none" rewrite "n=$((turns / 4))" "seed=$seed" slots=$((7 * seed * seed))
    expect_line "rewrite: no mismatch, seed $seed" "^turns $((turns / 4)) mismatches 0 sum" "$work/rewrite.$seed.console"
done

# ---- interrupts ----

storm=("writes=$turns" count=60)
hosted storm.plain "trace=none tick=1" storm "${storm[@]}"
hosted storm.traced "trace=rw ring=16 ring.mode=wrap tick=1 cache=256" storm "${storm[@]}"
sum=$((turns * (turns + 1) / 2 & 0xffffffff))
expect_line "storm: the sum" "^turns $turns sum $sum ticks" "$work/storm.plain.console"
expect_between "storm: interrupts" $((turns / 10)) $((100 * turns)) "$(counter storm.plain counter.dbt.interrupts)"
expect "storm: every tick at the same instruction when recorded and with a small code cache" \
    "$(result "$work/storm.plain.console")" "$(result "$work/storm.traced.console")"
expect_between "storm: memory, KiB" 1 $((16 << 10)) "$(counter storm.plain host.peak_rss_kib)"
hosted storm.trapped "trace=none tick=4" storm "writes=$((turns / 10))" count=40 trap=1 halt=1
expect_line "storm: single-stepped, with HLTs" "^turns $((turns / 10)) sum " "$work/storm.trapped.console"

# ---- in the hypervisor ----

engram_qemu_run qemu.rewrite "ring=256K" "$guests/rewrite.elf" "n=$((turns / 5)) ${rewrite[*]}"
hosted rewrite.fifth "trace=none" rewrite "n=$((turns / 5))" "${rewrite[@]}"
expect "rewrite: the same, engine=dbt" "$(result "$work/rewrite.fifth.console")" "$(result "$work/qemu.rewrite/console")"
engram_qemu_run qemu.storm "ring=256K" "$guests/storm.elf" "writes=$turns count=300"
expect_line "storm: the sum, engine=dbt" "^turns $turns sum $sum ticks" "$work/qemu.storm/console"
finish
