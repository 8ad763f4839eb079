#!/usr/bin/env bash
# Behaviours (tests/dbt/behaviour/) are the same translated as on Bochs: what they see, and every access, in order.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
require_cpu bmi2 "translated code uses it"

guest=$build/tests/dbt/behaviours.elf
marker=$(symbol_address "$guest" marker)
count=$((($(symbol_address "$guest" behaviours_end) - $(symbol_address "$guest" behaviours_start)) / 12))

regions() { # LIST: lines "behaviour access"
    awk -v "marker=${marker#0x}" -f tests/dbt/behaviour/regions.awk "$work/names" "$1"
}
# Without Engram: the debugger traces from region_begin to region_end, again and again.
commands() {
    printf 'pb %s\n' "$(symbol_address "$guest" region_begin)" "$(symbol_address "$guest" region_end)" \
        "$(symbol_address "$guest" all_done)"
    for _ in $(seq "$count"); do printf 'c\ntrace on\ntrace-mem on\nc\ntrace off\ntrace-mem off\n'; done
    printf 'c\n'
}
native_run native "$guest" "" "$(commands)"
seen() { sed -n '/^BOOT/,/^END/p' "$1" | tr -d '\r'; } # FILE
seen "$work/native/serial" >"$work/native.seen"
grep -E '^[a-z]' "$work/native.seen" | grep -v '^absent' >"$work/names"
expect "behaviours that Bochs ran to the end" "$count" "$(wc -l <"$work/names")"
"$build/bin/bochs2list" -r -f -w <"$work/native/debugger" >"$work/native.list"
regions "$work/native.list" >"$work/native.regions"

timeout 60 "$build/dbt-host" trace=rw ring=512 "out=$work/trace.egrm" "$guest" >"$work/hosted.console" 2>"$work/hosted.engine"
seen "$work/hosted.console" >"$work/hosted.seen"
expect_same "what they see, hosted" "$work/native.seen" "$work/hosted.seen"
"$build/engram" print --format oracle "$work/trace.egrm" >"$work/hosted.list"
regions "$work/hosted.list" >"$work/hosted.regions"
awk -f tests/dbt/behaviour/settle.awk "$work/hosted.regions" "$work/native.regions" >"$work/hosted.expected"
expect_same "accesses, hosted" "$work/hosted.expected" "$work/hosted.regions"
printf '%s behaviours, %s accesses\n' "$count" "$(wc -l <"$work/native.regions")"
finish
