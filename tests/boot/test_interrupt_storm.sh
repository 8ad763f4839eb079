#!/usr/bin/env bash
# Under a storm of timer interrupts the program's writes are those without the storm, none lost or doubled, and all of
# the handler's are there; and it comes to its end.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

guest=$guests/storm.elf
writes=2000
handler_from=$(symbol_address "$guest" handler_from)
handler_to=$(symbol_address "$guest" handler_to)
ticks=$(symbol_address "$guest" ticks)
handler=${handler_from#0x}-$(printf %x $((handler_to - 1)))

engram_run storm "start=text:START" "$guest" "guest writes=$writes"
engram_run calm "start=text:START" "$guest" "guest writes=$writes storm=0"
main_data=$(symbol_address "$guest" main_data)
main=${main_data#0x}+1000
for name in storm calm; do
    expect_line "$name: totals on the console" "^turns $writes sum $((writes * (writes + 1) / 2)) " "$work/$name/console"
    oracle_list "$name" --gva "$main" >"$work/$name/main"
    expect "$name: the program's writes" $((2 * writes + 8 * (writes / 16))) "$(wc -l <"$work/$name/main")"
done
expect_same "the program's writes with and without the storm" "$work/calm/main" "$work/storm/main"

counted=$(grep -aoP "^turns .* ticks \K[0-9]+" "$work/storm/console")
expect_between "interrupts" $((writes / 10)) 1000000 "$counted"
oracle_list storm --gva "$handler" >"$work/storm/handler"
# Three words of frame, one push, one count, each time.
expect "the handler's writes" $((5 * ${counted:-0})) "$(wc -l <"$work/storm/handler")"
awk -v n="${counted:-0}" -v at="${ticks#0x}" 'BEGIN {
    for (i = 1; i <= n; i++)
        printf "W %s %s 4 %02x%02x%02x00\n", at, at, i % 256, int(i / 256) % 256, int(i / 65536)
}' >"$work/storm/expected"
grep "^W ${ticks#0x} " "$work/storm/handler" >"$work/storm/counts"
expect_same "the handler's counts" "$work/storm/expected" "$work/storm/counts"
expect "calm: events" "$(wc -l <"$work/calm/main")" "$(meta calm events)"
expect "storm: events" "$(cat "$work/storm/main" "$work/storm/handler" | wc -l)" "$(meta storm events)"
expect "storm: frames are interrupt delivery" $((3 * ${counted:-0})) \
    "$(oracle_list storm --cause interrupt --gva "$handler" | wc -l)"

# A HLT in every second turn: the interrupt ends it, and none that comes before it is lost.
engram_run halting "start=text:START" "$guest" "guest writes=300 halt=1"
expect_line "halting: totals on the console" "^turns 300 sum $((300 * 301 / 2)) " "$work/halting/console"
counted=$(grep -aoP "^turns .* ticks \K[0-9]+" "$work/halting/console")
expect_between "halting: interrupts" 150 1000000 "$counted"
expect "halting: the handler's writes" $((5 * ${counted:-0})) "$(oracle_list halting --gva "$handler" | wc -l)"

# With TF=1 as well: the steps come to an end, and after each comes its trap, before the interrupt.
# The handler starts the timer anew, so that interrupts may all fall into the same phase of the steps, and then into
# none of them: other intervals are taken until they come during steps, which the last check asks for.
for count in 30 37 43 53 61; do
    engram_run trapped "start=text:START" "$guest" "guest writes=300 trap=1 count=$count"
    [ "$(meta trapped counter.interrupts_held)" -lt 30 ] || break
done
engram_run trapped_calm "start=text:START" "$guest" "guest writes=300 trap=1 storm=0"
for name in trapped trapped_calm; do
    expect_line "$name: totals on the console" "^turns 300 sum $((300 * 301 / 2)) " "$work/$name/console"
    oracle_list "$name" --gva "$main" >"$work/$name/main"
done
expect_same "the single-stepped program's writes" "$work/trapped_calm/main" "$work/trapped/main"
read -r ticks traps < <(grep -aoP "^turns .* ticks \K[0-9]+ traps [0-9]+" "$work/trapped/console" | sed 's/traps //')
expect_between "interrupts" 30 1000000 "$ticks"
expect "traps" "$(grep -aoP "^turns .* traps \K[0-9]+" "$work/trapped_calm/console")" "$traps"
# The flags to be loaded with TF are pushed and changed, and so at the end without.
expect "trapped: the handlers' writes" $((5 * ${ticks:-0} + 4 * ${traps:-0} + 4)) \
    "$(oracle_list trapped --gva "$handler" | wc -l)"
expect_between "interrupts that came during a step" 30 1000000 "$(meta trapped counter.interrupts_held)"
finish
