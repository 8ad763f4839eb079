#!/usr/bin/env bash
# An error of Engram itself while a guest runs: one line says what, and the trace up to there is dumped, once. And
# however a run ends, the processor has left VMX operation before the machine is reset or switched off.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

export ENGRAM_ELF=$build/engram-faulty.elf
guest=$guests/triplefault.elf
awk 'BEGIN { for (i = 16; i > 0; i--) printf "%02x000000\n", i }' >"$work/expected"

run() { RUN_SECONDS=30 engram_run "$1" "start=text:START $2" "$guest" "guest $1"; }

saved() { # NAME MESSAGE
    run "$1" ""
    local console=$work/$1/console
    expect_line "$1: the error's line" "^engram: error: $2" "$console"
    expect "$1: error lines" 1 "$(grep -ac 'engram: error' "$console")"
    expect "$1: the dump is whole" 0 "$(cat "$work/$1/recv.code")"
    oracle_list "$1" | awk '{ print $5 }' >"$work/$1/data"
    expect_same "$1: the guest's writes" "$work/expected" "$work/$1/data"
    expect_line "$1: the reason in the trace" "^error: $2" <(meta "$1" end)
    expect_line "$1: VMX is off at the end" "^test: before the end: CR4.VMXE is 0" "$console"
}
saved panic "the test asked for this"
saved exception "exception 13 in the hypervisor at 0x"

RUN_SECONDS=30 engram_run proof "start=text:START proof=on" "$guest" "guest panic"
expect_line "proof: where the guest was stopped nobody knows" \
    "^engram: proof: does not apply: the run ended in an error of Engram" "$work/proof/console"
expect "proof: in META" "void" "$(meta proof proof)"

# The second error ends it: two lines, no dump, and no third.
run twice ""
expect_line "twice: the first" "^engram: error: the test asked for this" "$work/twice/console"
expect_line "twice: the second" "^engram: error: and for this as well" "$work/twice/console"
expect "twice: error lines" 2 "$(grep -ac 'engram: error' "$work/twice/console")"
expect_line "twice: the machine is switched off all the same" "^test: before the end" "$work/twice/console"

# In the dump the line carries frames: the error's text comes as one, and the dump is not begun anew.
run dumping ""
expect_line "dumping: the error's line" "^engram: error: the test asked for this in the dump" "$work/dumping/console"
expect "dumping: error lines" 1 "$(grep -ac 'engram: error' "$work/dumping/console")"
expect "dumping: the dump is not whole" 1 "$(cat "$work/dumping/recv.code")"
expect "dumping: TEXT frames with the error" 1 \
    "$(LC_ALL=C grep -aoP '\xf7\x04..\x00{8}engram: error: the test' "$work/dumping/serial" | wc -l)"

# Writes that the engine could not list are said to be missing, on the console and by the host command.
run undecoded ""
expect_line "undecoded: the console says so" \
    "^engram: writes are missing from the trace: .*undecoded 16 " "$work/undecoded/console"
for command in verify info; do
    code=0
    "$build/engram" $command "$work/undecoded/trace.egrm" >"$work/undecoded/$command" 2>&1 || code=$?
    expect "undecoded: exit code of engram $command" 1 "$code"
    expect_line "undecoded: engram $command says so" "META tells of .*: 16 \\(counter.undecoded\\)" "$work/undecoded/$command"
done

run poweroff ""
expect_no_line "poweroff: no write is missing" "writes are missing" "$work/poweroff/console"
expect_line "poweroff: VMX is off before" "^test: before the end: CR4.VMXE is 0" "$work/poweroff/console"
# It starts again and again.
AFTER=reset RUN_SECONDS=15 engram_run reset "start=text:START" "$guest" "guest" >"$work/reset.log"
expect_line "reset: VMX is off before" "^test: before the end: CR4.VMXE is 0" "$work/reset/serial"
expect_between "reset: the machine starts again" 2 100 "$(grep -ac '^Engram [0-9.]*:' "$work/reset/serial")"
finish
