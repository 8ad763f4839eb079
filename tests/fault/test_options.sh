#!/usr/bin/env bash
# An unknown or malformed option is an error of one line that names it and the valid ones, and ends the run.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

check() { # NAME OPTION MESSAGE
    RUN_SECONDS=20 engram_run "$1" "$2"
    expect_line "$1: $2 is named" "engram: error: option '$2' ($3).*; valid: " "$work/$1/console"
    expect_line "$1: the valid ones are listed" "engine=.*ring=SIZE.*timeout=SECONDS" "$work/$1/console"
    expect_no_line "$1: the guest is not started" "starting guest|^BOOT" "$work/$1/console"
}
check unknown colour=blue "is not known"
check engine engine=magic "is wrong: it is auto, vmx or dbt"
check ring ring=12Q "is wrong: SIZE is a number"
check ring_small ring=64K "is wrong: SIZE is at least 256K"
check start start=somewhere "is wrong: it is boot, rip:ADDR, text:STRING, mark:STRING, instructions:N or hypercall"
check stop stop=events:0 "is wrong: N is a number"
check timeout timeout=soon "is wrong: SECONDS is a whole number, 0 for none"
check serial serial=com9 "is wrong: it is com1, com2, com3, com4, a port such as 0x3f8, or none"
finish
