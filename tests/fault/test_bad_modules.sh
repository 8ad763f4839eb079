#!/usr/bin/env bash
# A module that is no kernel, is cut off, or does not fit is an error that names it and the reason.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

good=$guests/benchmark.elf
head -c 8200 "$good" >"$work/truncated.elf" # within the second segment
head -c 20 "$good" >"$work/header.elf"
head -c 5000 /dev/zero >"$work/zeros.bin"
printf 'This is a text, not a kernel.\n' >"$work/text.txt"
: >"$work/empty.bin"

# patch FILE OFFSET HEX: bytes in a copy of an ELF file
patch() { printf '%b' "$(sed 's/../\\x&/g' <<<"$3")" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }
# ELF32: program headers from 52 on, 32 bytes each; p_vaddr at 8, p_paddr at 12.
cp "$good" "$work/overlapping.elf"
patch "$work/overlapping.elf" $((52 + 32 + 8)) 0001000100010001 # second segment at 0x1000100
cp "$good" "$work/nowhere.elf"
patch "$work/nowhere.elf" $((52 + 32 + 8)) 000000e0000000e0 # second segment at 0xe0000000
cp "$good" "$work/arm.elf"
patch "$work/arm.elf" 18 2800

check() { # NAME FILE MESSAGE
    RUN_SECONDS=20 engram_run "$1" "" "$2" "$1.module x=1"
    expect_line "$1" "engram: error: .*$1\\.module.*($3)" "$work/$1/console"
    expect_no_line "$1: the guest is not started" "starting guest" "$work/$1/console"
}
check zeros "$work/zeros.bin" "without a Multiboot header"
check text "$work/text.txt" "without a Multiboot header"
check truncated "$work/truncated.elf" "cut off"
check header "$work/header.elf" "cut off|without a Multiboot header"
check overlapping "$work/overlapping.elf" "overlaps"
check nowhere "$work/nowhere.elf" "not all RAM"
check arm "$work/arm.elf" "not for x86"

# A segment where Engram itself lies: asked from a run that works.
engram_run place "timeout=2" "$guests/triplefault.elf" guest
hidden=$(grep -aoP 'engram: hypervisor at 0x\K[0-9a-f]+' "$work/place/console" | head -n 1)
expect_line "Engram says where it lies" "engram: hypervisor at 0x" "$work/place/console"
address=$(printf '%08x' $((0x${hidden:-0} + 0x100000)))
little=${address:6:2}${address:4:2}${address:2:2}${address:0:2}
cp "$good" "$work/onto.elf"
patch "$work/onto.elf" $((52 + 32 + 8)) "$little$little"
check onto "$work/onto.elf" "segment 1 at \\[0x$(sed 's/^0*//' <<<"$address"), 0x[0-9a-f]+\\) overlaps Engram's memory \\[0x$hidden, 0x[0-9a-f]+\\)"

# The ring is Engram's memory too.
ring=$(grep -aoP 'engram: ring \(wrap\) at 0x\K[0-9a-f]+' "$work/place/console" | head -n 1)
address=$(printf '%08x' $((0x${ring:-0} + 0x1000)))
little=${address:6:2}${address:4:2}${address:2:2}${address:0:2}
cp "$good" "$work/onto_ring.elf"
patch "$work/onto_ring.elf" $((52 + 32 + 8)) "$little$little"
check onto_ring "$work/onto_ring.elf" \
    "segment 1 at \\[0x$(sed 's/^0*//' <<<"$address"), 0x[0-9a-f]+\\) overlaps Engram's memory \\[0x$ring, 0x[0-9a-f]+\\)"

RUN_SECONDS=20 engram_run empty "" "$work/empty.bin" "empty.module"
expect_line "empty" "engram: error: .*" "$work/empty/console"
finish
