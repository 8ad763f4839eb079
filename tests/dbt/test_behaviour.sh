#!/usr/bin/env bash
# Behaviours (tests/dbt/behaviour/) are the same under Engram as on Bochs without it: what they see, and every access, in
# order. Translated as a Linux process, and with the smallest code cache; translated by the hypervisor in QEMU; under VMX
# in Bochs.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
require_cpu bmi2 "translated code uses it"

guest=$build/tests/dbt/behaviours.elf
marker=$(symbol_address "$guest" marker)
count=$((($(symbol_address "$guest" behaviours_end) - $(symbol_address "$guest" behaviours_start)) / 12))

regions() { # LIST: lines "behaviour access"
    awk -v "marker=${marker#0x}" -f tests/dbt/behaviour/regions.awk "$work/names" "$1"
}
seen() { sed -n '/^BOOT/,/^END/p' "$1" | grep -v '^engram: ' | tr -d '\r'; } # FILE
without() { grep -vxE "($(tr ' ' '|' <<<"$1")) .*" "$2"; } # "BEHAVIOUR..." REGIONS

# ---- without Engram: the debugger traces from region_begin to region_end, again and again ----

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
expect_no_line "no exception was unexpected" ' unexpected ' "$work/native.seen"
"$build/bin/bochs2list" -r -f -w <"$work/native/debugger" >"$work/native.list"
regions "$work/native.list" >"$work/native.regions"
grep -v '^[a-z_0-9]* [Rr] ' "$work/native.regions" >"$work/native.writes"

# ---- as a Linux process ----

hosted() { # NAME TRACE OPTIONS...
    local name=$1 trace=$2
    shift 2
    timeout 60 "$build/dbt-host" trace="$trace" ring=256 "out=$work/$name.egrm" "$@" "$guest" >"$work/$name.console" \
        2>"$work/$name.engine"
    seen "$work/$name.console" >"$work/$name.seen"
    expect_same "what they see, $name" "$work/native.seen" "$work/$name.seen"
}
accesses() { # NAME
    "$build/engram" print --format oracle "$work/$1.egrm" >"$work/$1.list"
    regions "$work/$1.list" >"$work/$1.regions"
}
hosted hosted rw
accesses hosted
awk -f tests/dbt/behaviour/settle.awk "$work/hosted.regions" "$work/native.regions" >"$work/hosted.expected"
expect_same "accesses, hosted" "$work/hosted.expected" "$work/hosted.regions"
hosted writes w cache=256
accesses writes
expect_same "writes, hosted, smallest code cache" "$work/native.writes" "$work/writes.regions"
hosted untraced none

# ---- the hypervisor ----

engram_qemu_run qemu "ring=16M" "$guest"
seen "$work/qemu/console" >"$work/qemu.seen"
expect_same "what they see, engine=dbt" "$work/native.seen" "$work/qemu.seen"
oracle_list qemu --kind w >"$work/qemu.list"
regions "$work/qemu.list" >"$work/qemu.regions"
expect_same "writes, engine=dbt" "$work/native.writes" "$work/qemu.regions"

# The VMX engine, without the last one, which closes the A20 gate. What walks set Bochs sets behind its back while only
# writes are recorded.
expect "the last behaviour" wraps_a20 "$(tail -n 1 "$work/names")"
not_under_vmx=wraps_a20
rf_under_vmx=rep_interrupted # docs/engines.md says where Bochs shows RF
visible() { sed '/^[a-z]/h;G;s/\n/ /' "$1" | grep -vE " ($not_under_vmx|$2)$|^$not_under_vmx|^END"; }
under_vmx() { # NAME TRACE RF
    engram_run "$1" "ring=64M trace=$2" "$guest" "guest count=$((count - 1))"
    seen "$work/$1/console" >"$work/$1.seen"
    for name in native "$1"; do visible "$work/$name.seen" "$3" >"$work/$name.$1.visible"; done
    expect_same "what they see, engine=vmx trace=$2" "$work/native.$1.visible" "$work/$1.$1.visible"
    oracle_list "$1" >"$work/$1.list" 2>/dev/null
    regions "$work/$1.list" >"$work/$1.regions"
}
under_vmx vmx w "$rf_under_vmx"
"$build/bin/bochs2list" <"$work/native/debugger" >"$work/native.program.list"
sed -i /^PW/d "$work/vmx.list"
for name in native.program vmx; do
    regions "$work/$name.list" >"$work/$name.regions"
    without "$not_under_vmx $rf_under_vmx" "$work/$name.regions" >"$work/$name.compared"
done
expect_same "writes, engine=vmx" "$work/native.program.compared" "$work/vmx.compared"
under_vmx vmx_rw rw none
for name in native vmx_rw; do without "$not_under_vmx" "$work/$name.regions" >"$work/$name.all.compared"; done
awk -f tests/dbt/behaviour/settle.awk "$work/vmx_rw.all.compared" "$work/native.all.compared" >"$work/vmx_rw.expected"
expect_same "accesses, engine=vmx" "$work/vmx_rw.expected" "$work/vmx_rw.all.compared"

engram_run a20 "ring=256K" "$guest" "guest first=$((count - 1))"
expect_line "engine=vmx says that it does not carry out the A20 gate" \
    "^engram: the guest closed the A20 gate \(port 0x92\)" "$work/a20/console"

printf '%s behaviours, %s accesses\n' "$count" "$(wc -l <"$work/native.regions")"
finish
