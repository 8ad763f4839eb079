#!/usr/bin/env bash
# The image boots by `qemu -kernel` too (Multiboot 1, with the guest as its module), and says there that it has no VMX.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

timeout 20 qemu-system-x86_64 -m 256 -kernel "$build/engram.elf" -append "after=poweroff" \
    -initrd "$guests/benchmark.elf guest t=1" -display none -monitor none -no-reboot -serial "file:$work/console" \
    -device isa-debug-exit >"$work/qemu.out" 2>&1 </dev/null &
children+=($!)
qemu=$!
for _ in $(seq 150); do
    grep -aq "engram: error" "$work/console" 2>/dev/null && break
    sleep 0.1
done
sleep 0.5
kill "$qemu" 2>/dev/null
wait "$qemu" 2>/dev/null
expect_line "it boots" "^Engram [0-9.]+:" "$work/console"
expect_line "it says why it cannot go on" "engram: error: .*VMX" "$work/console"
finish
