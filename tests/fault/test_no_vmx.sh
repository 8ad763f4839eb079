#!/usr/bin/env bash
# A processor without VMX, or without something that the engine needs, gets one clear line that says what is missing.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

check() { # NAME BOCHS-CPU MESSAGE
    BOCHS_CPU=$2 RUN_SECONDS=20 engram_run "$1" "" "$guests/hang.elf" guest
    expect_line "$1" "engram: error: .*($3)" "$work/$1/console"
    expect_no_line "$1: the guest is not started" "^BOOT" "$work/$1/console"
    expect "$1: error lines" 1 "$(grep -ac 'engram: error' "$work/$1/console")"
}
check no_vmx athlon64_clawhammer "VMX|VT-x"
check no_ept core2_penryn_t9600 "EPT|MTF"
check no_unrestricted_guest corei5_lynnfield_750 "unrestricted"
finish
