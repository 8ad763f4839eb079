#!/usr/bin/env bash
# A processor without VMX, or without something that the engine needs, gets one clear line that says what is missing.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

check() { # NAME OPTIONS BOCHS-CPU MESSAGE
    BOCHS_CPU=$3 RUN_SECONDS=20 engram_run "$1" "$2" "$guests/hang.elf" guest
    expect_line "$1" "engram: error: ($4)" "$work/$1/console"
    expect_no_line "$1: the guest is not started" "^BOOT" "$work/$1/console"
    expect "$1: error lines" 1 "$(grep -ac 'engram: error' "$work/$1/console")"
}
skylake=corei7_skylake_x
check no_vmx "" athlon64_clawhammer "no engine can run here: VMX: this CPU has no VMX .*; DBT: this CPU has no BMI2"
check no_vmx_asked_for "engine=vmx" athlon64_clawhammer "engine=vmx: this CPU has no VMX "
check no_ept "" core2_penryn_t9600 ".*(EPT|MTF)"
check no_unrestricted_guest "" corei5_lynnfield_750 ".*unrestricted"
check dbt "engine=dbt" athlon64_clawhammer "engine=dbt: this CPU has no BMI2"

# A firmware that locks VMX off: Bochs's sets bits 0 and 2 of IA32_FEATURE_CONTROL (lock, VMX; SDM Vol. 3C, 24.7), this
# copy of it bit 0 alone. The code is: mov ecx, 0x3a; rdmsr; or eax, 5; wrmsr.
bios=$(scripts/fetch.sh bochs | tail -n 1)
bios=${bios%/}/usr/share/bochs/BIOS-bochs-latest
sets='\xb9\x3a\x00\x00\x00\x0f\x32\x83\xc8'
expect "places in the firmware that switch VMX on" 1 "$(LC_ALL=C grep -aoP "$sets\x05\x0f\x30" "$bios" | wc -l)"
LC_ALL=C sed "s/$sets\x05\x0f\x30/$sets\x01\x0f\x30/" "$bios" >"$work/bios"
export BOCHS_BIOS=$work/bios
check locked_off_asked_for "engine=vmx" $skylake "engine=vmx: VMX is locked off by the firmware"

# Asked for neither, Engram takes the DBT engine there and says why.
BOCHS_CPU=$skylake RUN_SECONDS=20 engram_run locked_off "" "$guests/poweroff.elf" guest
expect_line "locked_off" "engine dbt: .*VMX cannot be used: VMX is locked off by the firmware" "$work/locked_off/console"
expect_line "locked_off: the guest runs" "^BOOT" "$work/locked_off/console"
finish
