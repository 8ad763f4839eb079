#!/usr/bin/env bash
# An unknown or malformed option is an error of one line that names it and the valid ones, and ends the run.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

check() { # NAME OPTION MESSAGE
    RUN_SECONDS=20 engram_run "$1" "$2"
    expect_line "$1: $2 is named" "engram: error: option '$2'.*$3" "$work/$1/console"
    expect_line "$1: the valid ones are listed" "engine=.*ring=SIZE.*timeout=SECONDS" "$work/$1/console"
    expect_no_line "$1: the guest is not started" "starting guest|^BOOT" "$work/$1/console"
}
check unknown colour=blue "unknown|valid"
check engine engine=magic "auto, vmx or dbt"
check ring ring=12Q "SIZE"
check ring_small ring=64K "at least"
check start start=somewhere "rip:ADDR"
check stop stop=events:0 "number"
check timeout timeout=soon "number"
check serial serial=com9 "com1"
finish
