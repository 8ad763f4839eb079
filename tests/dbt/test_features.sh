#!/usr/bin/env bash
# Behaviours of processor features (tests/dbt/features/) are the same translated, and under VMX, as on Bochs: what they
# see, and every access, in order. Of state images, which Bochs writes in other pieces, it is the bytes that are written; of
# those that this CPU has not got, nothing.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
require_cpu bmi2 "translated code uses it"

guest=$build/tests/dbt/features.elf
marker=$(symbol_address "$guest" marker)
count=$((($(symbol_address "$guest" behaviours_end) - $(symbol_address "$guest" behaviours_start)) / 12))

seen() { sed -n '/^BOOT/,/^END/p' "$1" | tr -d '\r'; } # FILE
absent() { awk '/^absent/ { print name } { name = $1 }' "$1"; } # FILE
# Without those in "$work/absent". SEEN: by the name before the lines. REGIONS: by the name in the line.
seen_there() { awk 'FNR == NR { absent[$1] = 1; next } /^[a-z]/ { name = $1 } !(name in absent) || /^[A-Z]/' "$work/absent" "$1"; }
there() { awk 'FNR == NR { absent[$1] = 1; next } !($1 in absent)' "$work/absent" "$1"; }
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
seen "$work/native/serial" >"$work/native.seen"
grep -E '^[a-z]' "$work/native.seen" | grep -v '^absent' >"$work/names"
expect "behaviours that Bochs ran to the end" "$count" "$(wc -l <"$work/names")"
"$build/bin/bochs2list" -r -f -w <"$work/native/debugger" >"$work/native.list"
regions "$work/native.list" >"$work/native.regions"

timeout 60 "$build/dbt-host" trace=rw ring=512 "out=$work/trace.egrm" "$guest" >"$work/hosted.console" 2>"$work/hosted.engine"
seen "$work/hosted.console" >"$work/hosted.seen"
"$build/engram" verify "$work/trace.egrm" >"$work/verify" 2>&1
expect "engram verify" 0 $?
"$build/engram" print --format oracle "$work/trace.egrm" >"$work/hosted.list"

engram_run vmx "ring=16M trace=rw" "$guest" guest
seen "$work/vmx/console" | grep -v '^engram: ' >"$work/vmx.seen"
oracle_list vmx >"$work/vmx.list"
for counter in unexplained_writes undecoded incomplete_lists; do
    expect "engine=vmx: $counter" 0 "$(meta vmx counter.$counter)"
done

for engine in hosted vmx; do
    regions "$work/$engine.list" >"$work/$engine.regions"
    absent "$work/$engine.seen" >"$work/absent"
    for list in native "$engine"; do
        seen_there "$work/$list.seen" >"$work/$list.seen.there"
        there "$work/$list.regions" | grep -v '^image_' >"$work/$list.there"
        there "$work/$list.regions" | grep '^image_' | awk -f tests/dbt/features/bytes.awk | sort >"$work/$list.bytes"
    done
    expect_same "what they see, $engine" "$work/native.seen.there" "$work/$engine.seen.there"
    awk -f tests/dbt/behaviour/settle.awk "$work/$engine.there" "$work/native.there" >"$work/$engine.expected"
    expect_same "accesses, $engine" "$work/$engine.expected" "$work/$engine.there"
    expect_same "bytes of images, $engine" "$work/native.bytes" "$work/$engine.bytes"
done
absent "$work/hosted.seen" >"$work/absent"
# What depends on no feature of the machine's CPU also in the hypervisor: the last of them, from task switches on.
first=$(grep -n -m 1 '^task_' "$work/names" | cut -d: -f1)
engram_qemu_run qemu "ring=16M" "$guest" "first=$((first - 1))"
from_tasks() { sed -n '/^task_/,$p' "$1"; }
from_tasks "$work/native.seen" >"$work/tasks.expected"
seen "$work/qemu/console" | grep -v '^engram: ' | from_tasks /dev/stdin >"$work/tasks.seen"
expect_same "what they see, engine=dbt" "$work/tasks.expected" "$work/tasks.seen"
oracle_list qemu --kind w >"$work/qemu.list"
regions "$work/qemu.list" >"$work/qemu.regions"
grep -vE '^[a-z_0-9]* [Rr] ' "$work/native.regions" | from_tasks /dev/stdin >"$work/tasks.writes"
expect_same "writes, engine=dbt" "$work/tasks.writes" "$work/qemu.regions"

printf '%s behaviours, %s accesses; not on this CPU: %s\n' "$count" "$(wc -l <"$work/native.regions")" \
    "$(tr '\n' ' ' <"$work/absent" | sed 's/^$/none/')"
finish
