#!/usr/bin/env bash
# A real program's mix of work comes to the same checksums as a Linux process, translated (recording nothing, writes,
# reads and writes), and in QEMU; in 64-bit mode and in 32-bit mode. The trace of all its accesses is whole.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
require_cpu bmi2 "translated code uses it"

n=3
"$build/mix-native" n=$n >"$work/native"
expect "the process ran to its end" "BOOT START STOP" "$(head -n 3 "$work/native" | tr '\n' ' ' | sed 's/ $//')"
expect "checksums" 9 "$(grep -c '^checksum [a-z]* [0-9a-f]\{16\}$' "$work/native")"

for guest in mix mix32; do
    for trace in none w rw; do
        timeout 120 "$build/dbt-host" trace=$trace ring=256 out="$work/$guest.$trace.egrm" start=START stop=STOP \
            "$guests/$guest.elf" n=$n >"$work/$guest.$trace" 2>"$work/$guest.$trace.engine"
        expect_same "$guest translated, trace=$trace" "$work/native" "$work/$guest.$trace"
    done
    "$build/engram" verify "$work/$guest.rw.egrm" >"$work/$guest.verify" 2>&1
    expect "$guest: engram verify" 0 $?

    timeout 60 qemu-system-x86_64 -accel tcg -nodefaults -display none -monitor none -no-reboot -m 64 -serial stdio \
        -kernel "$guests/$guest.elf" -append "n=$n" >"$work/$guest.qemu" 2>"$work/$guest.qemu.log" </dev/null &
    children+=($!)
    for _ in $(seq 300); do
        ! grep -q '^checksum all' "$work/$guest.qemu" || break
        sleep 0.1
    done
    kill $! 2>/dev/null
    expect_same "$guest in QEMU" "$work/native" "$work/$guest.qemu"
done

expect "parts" "$(grep -E 'checksum (hash|list)' "$work/native")" \
    "$("$build/dbt-host" trace=none "$guests/mix.elf" n=$n parts=hash,list 2>/dev/null | grep -v -E 'all|BOOT|START|STOP')"
for arguments in "n=" "n=3x" "n=99999999999" "parts=" "parts=sort," "parts=sort;" "m=1"; do
    "$build/mix-native" "$arguments" >"$work/error" 2>&1
    expect "$arguments: exit code" 2 $?
    expect_line "$arguments: an error" "^mix: error: the arguments are n=ROUNDS and parts=sort,hash," "$work/error"
done
finish
