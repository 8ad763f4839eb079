#!/usr/bin/env bash
# The ISO of `make iso` boots by UEFI as well. Shown on QEMU with OVMF, which has no VMX: Engram comes as far as to say so.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

firmware=
for file in /usr/share/ovmf/OVMF.fd /usr/share/OVMF/OVMF_CODE.fd; do
    if [ -z "$firmware" ] && [ -r "$file" ]; then firmware=$file; fi
done
if [ -z "$firmware" ]; then
    skip "no OVMF on this machine (package ovmf)"
fi
printf 'set timeout=0\nmultiboot2 /boot/engram.elf after=poweroff\nboot\n' >"$work/grub.cfg"
scripts/mkiso.sh "$work/iso" "$build/engram.elf" "$work/grub.cfg"
timeout 100 qemu-system-x86_64 -m 512 -bios "$firmware" -cdrom "$work/iso" -display none -monitor none -no-reboot \
    -net none -serial "file:$work/console" >"$work/qemu.out" 2>&1 </dev/null &
children+=($!)
qemu=$!
for _ in $(seq 900); do
    grep -aq "engram: error" "$work/console" 2>/dev/null && break
    kill -0 "$qemu" 2>/dev/null || break
    sleep 0.1
done
sleep 0.5
kill "$qemu" 2>/dev/null
wait "$qemu" 2>/dev/null
expect_line "it boots" "Engram [0-9.]+:" "$work/console"
expect_line "it says why it cannot go on" "engram: error: .*VMX" "$work/console"
finish
