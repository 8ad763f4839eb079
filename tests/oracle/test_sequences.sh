#!/usr/bin/env bash
# Random sequences of instructions as a guest (guest/sequences.asm) end as without Engram under both engines, which
# record the same accesses: address, size, data, order, RIP, cause, privilege level. On one machine, Bochs, as what
# instructions there are has to be the same.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
require_cpu bmi2 "the generator runs on it"
count=${SEQUENCES:-25} seed=${SEED:-9000}

guest=$guests/sequences.elf
"$build/dbt-differential" "export=$work/sequences" "$count" "$seed" || die "the sequences could not be made"
seen() { grep -aE '^[0-9]+ [0-9]+ [0-9a-f]{8} [0-9a-f]{16}' "$1" | tr -d '\r'; } # FILE
under() { # NAME OPTIONS
    engram_run "$1" "ring=64M $2 $(region "$guest" trace_from trace_to)" "$guest" guest "$work/sequences" sequences
    seen "$work/$1/console" >"$work/$1.seen"
    expect "$1: sequences" "$count" "$(wc -l <"$work/$1.seen")"
    "$build/engram" verify "$work/$1/trace.egrm" >"$work/$1.verify" 2>&1
    expect "engram verify, $1" 0 $?
}
# accesses NAME [GREP OPTION]: `engram print`, settled, of one kind or both
accesses() {
    "$build/engram" print "$work/$1/trace.egrm" | grep -E "^ *[0-9]+ ${2:-[rw]} " | tac |
        awk -f tests/oracle/settle_reads.awk | tac
}

under vmx "engine=vmx trace=rw"
under dbt "engine=dbt trace=rw"
under writes "engine=vmx trace=w"
accesses vmx >"$work/vmx.list"
accesses dbt >"$work/dbt.list"
accesses vmx w >"$work/vmx.writes"
accesses writes w >"$work/writes.list"
expect_same "how they end, vmx and dbt" "$work/vmx.seen" "$work/dbt.seen"
expect_same "accesses, vmx and dbt" "$work/vmx.list" "$work/dbt.list"
expect_same "writes alone, vmx" "$work/vmx.writes" "$work/writes.list"

# Without Engram
mkdir -p "$work/native"
printf 'set timeout=0\nmultiboot /boot/engram.elf\nmodule /boot/sequences\nboot\n' >"$work/native/grub.cfg"
ISO_FIRMWARE=bios scripts/mkiso.sh "$work/native/iso" "$guest" "$work/native/grub.cfg" "$work/sequences=sequences"
write_bochsrc "$work/native/bochsrc" "$work/native/iso" "mode=file, dev=$work/native/serial"
printf 'pb %s\nc\nq\n' "$(symbol_address "$guest" serial_stopped)" >"$work/native/debugger.rc"
bochs "$work/native/debugger" -debugger -f "$work/native/bochsrc" -rc "$work/native/debugger.rc"
seen "$work/native/serial" >"$work/native.seen"
expect_same "how they end, without Engram and with it" "$work/native.seen" "$work/vmx.seen"
printf '%s sequences, %s accesses\n' "$count" "$(wc -l <"$work/vmx.list")"
finish
