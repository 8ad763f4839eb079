#!/usr/bin/env bash
# CPUID, CR4, GETSEC and XSETBV are as without Engram, on a CPU that has them all, but for what Engram hides
# (docs/engines.md). XSETBV values that the CPU refuses are the guest's #GP.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
export BOCHS_CPU=sapphire_rapids

guest=$guests/features.elf
native_run native "$guest" "" "pb $(symbol_address "$guest" finished)
c"
engram_run engram "" "$guest" guest
lines() { tr -d '\r' <"$1" | grep -aE '^(cpuid|cr4|getsec|xsetbv|xcr1) .* [0-9a-f]{8}$' || true; }
lines "$work/native/serial" >"$work/native.lines"
lines "$work/engram/console" >"$work/engram.lines"
expect "lines without Engram" 28 "$(wc -l <"$work/native.lines")"
expect_line "the guest comes to its end" '^FINISHED' "$work/engram/console"
# Or nothing is shown about them.
expect_line "this CPU has UINTR" '^cr4 25 00000000' "$work/native.lines"
expect_line "this CPU has CET" '^cr4 23 00000000' "$work/native.lines"
expect_line "this CPU has AMX" '^xsetbv 00060007 00000000' "$work/native.lines"
expect_line "this CPU refuses one AVX-512 component" '^xsetbv 00000027 0000000d' "$work/native.lines"

hide() { # the bits of EAX EBX ECX EDX
    printf -v registers 'eax %08x ebx %08x ecx %08x edx %08x' $((0x$eax & ~$1)) $((0x$ebx & ~$2)) \
        $((0x$ecx & ~$3)) $((0x$edx & ~$4))
}
while read -r what leaf subleaf _ eax _ ebx _ ecx _ edx; do
    case $what-$leaf-$subleaf in
    cpuid-00000001-*) hide 0 0 0x74 0x200000 ;;
    cpuid-00000007-00000000) hide 0 0x2000814 0x40000080 0x3540020 ;;
    cpuid-00000007-00000001) hide 0x4220000 0 0 0x60100 ;;
    # The largest area now ends with PKRU: 8 bytes at 0xa80.
    cpuid-0000000d-00000000) ecx=00000a88; hide 0x60000 0 0 0 ;;
    cpuid-0000000d-00000001) hide 0 0 0x65900 0 ;;
    cpuid-0000000d-00000002) hide 0 0 0 0 ;;
    cpuid-*) registers="eax 00000000 ebx 00000000 ecx 00000000 edx 00000000" ;;
    cr4-*) echo "cr4 $leaf 0000000d"; continue ;;
    xsetbv-00060007-*) echo "xsetbv $leaf 0000000d"; continue ;;
    *) echo "$what $leaf $subleaf" | sed 's/ *$//'; continue ;;
    esac
    echo "cpuid $leaf $subleaf $registers"
done <"$work/native.lines" >"$work/expected.lines"
expect_same "what the guest finds" "$work/expected.lines" "$work/engram.lines"
finish
