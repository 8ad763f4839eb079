#!/usr/bin/env bash
# The DBT engine breaks down at CPL 3 (tests/fault/image/faulty_user.c): the core says so in one line, and what was recorded
# before is dumped.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

export ENGRAM_ELF=$build/engram-faulty.elf
guest=$build/tests/fault/image/breaker.elf
awk 'BEGIN { for (i = 16; i > 0; i--) printf "%02x000000\n", i }' >"$work/expected"
data=$(printf '%x' "$(symbol_address "$guest" data)")

number() { # FAULT: its number in the enum
    awk -v name="$1" '/^enum fault/ { n = 1; next } n && $1 ~ "^" name ",?$" { print n; exit } n { n++ }' \
        tests/fault/image/faulty_user.c
}

# breaks FAULT LINE: what of the line is the fault's own
breaks() {
    RUN_SECONDS=30 engram_qemu_run "$1" "ring=256K start=text:START" "$guest" "how=$(number "$1")"
    local console=$work/$1/console
    expect_line "$1: the line" "^engram: (error: )?$2" "$console"
    expect "$1: lines that speak of an error" 1 "$(grep -acE '^engram: .*an error of the (engine|translator)' "$console")"
    expect "$1: the dump is whole" 0 "$(cat "$work/$1/recv.code")"
    oracle_list "$1" 2>/dev/null | awk -v at="$data" '$2 >= at' | head -n 16 | awk '{ print $5 }' >"$work/$1/data"
    expect_same "$1: the guest's writes" "$work/expected" "$work/$1/data"
    expect_line "$1: the reason in the trace" "$2" <(meta "$1" end)
}
nowhere="0x123456789000"
in_engine() { printf 'exception %s in the DBT engine at 0x%s' "$1" "$2"; } # VECTOR RIP

breaks WILD_STORE "$(in_engine 14 f).*error code 0x6, address $nowhere"
breaks WILD_JUMP "$(in_engine 14 '123456789000').*address $nowhere"
breaks STORE_TO_CORE "$(in_engine 14 f).*error code 0x6, address 0xffffffff80200000"
breaks STORE_TO_GATE "$(in_engine 14 f).*error code 0x7, address 0xffffffff80"
breaks STORE_TO_OWN_CODE "$(in_engine 14 f).*error code 0x7, address 0xffffffff80"
breaks PRIVILEGED "$(in_engine 13 f)"
breaks STACK_OVERFLOW "$(in_engine 14 f).*error code 0x6, address 0x1000"
breaks TABLES_OVERWRITTEN "$(in_engine 13 f)"
breaks STATE_OVERWRITTEN "$(in_engine 13 f)"
breaks TRANSLATED_STORE "exception 14 at 0x18.* \\(address $nowhere\\) in translated code"
breaks TRANSLATED_JUMP "$(in_engine 14 '123456789000')"
breaks TRANSLATED_PRIVILEGED "exception 13 at 0x18.* in translated code"
breaks TRAP_FOR_EVER "exception 6 at 0x18.* again and again"
breaks REQUEST_UNKNOWN "the DBT engine made a request that does not exist \\(99\\)"
breaks REQUEST_PORT_OF_3_BYTES "the DBT engine asked for a port access of 3 bytes"
breaks REQUEST_BREAK_UNKNOWN "the DBT engine reached a trigger that does not exist"
breaks REQUEST_DONE_IN_RUN "the DBT engine made a request that does not exist"
breaks REQUEST_DEFINE_TOO_MUCH "the DBT engine handed over a malformed block for the dictionary"
breaks REQUEST_SEGMENTS_OVERFULL "the DBT engine made a request that does not exist \\(4294967295\\)"

# Records that are overwritten are lost, but nothing else is; a text without an end has one all the same.
RUN_SECONDS=30 engram_qemu_run RECORDS_OVERWRITTEN "ring=256K" "$guest" "how=$(number RECORDS_OVERWRITTEN)"
expect_line "RECORDS_OVERWRITTEN: the line" "^engram: .*an error of the engine" "$work/RECORDS_OVERWRITTEN/console"
expect "RECORDS_OVERWRITTEN: the dump is whole" 0 "$(cat "$work/RECORDS_OVERWRITTEN/recv.code")"
RUN_SECONDS=30 engram_qemu_run TEXT_WITHOUT_END "ring=256K" "$guest" "how=$(number TEXT_WITHOUT_END)"
expect_line "TEXT_WITHOUT_END: the line" "^engram: x{100,255}.?$" "$work/TEXT_WITHOUT_END/console"
expect "TEXT_WITHOUT_END: the dump is whole" 0 "$(cat "$work/TEXT_WITHOUT_END/recv.code")"
finish
