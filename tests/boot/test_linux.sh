#!/usr/bin/env bash
# Debian's kernel, as it is, boots under the DBT engine in QEMU to power-off with all writes recorded. Its programs put
# out what they put out without Engram, the kernel complains of nothing else, and what engramctl asks for is what is in
# the trace.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

scripts/fetch.sh linux >"$work/fetch.log" 2>&1 || skip "there is no Linux kernel to be had: $(tail -n 1 "$work/fetch.log")"
env -u MAKEFLAGS make -s linux >"$work/make.log" 2>&1 || { fail "make linux: $(tail -n 3 "$work/make.log")"; finish; }

# Half of the boot are self-tests of the kernel's ciphers, which are left out.
words='console=ttyS0 nokaslr panic=-1 quiet cryptomgr.notests work=1 parts=pipes+text dmesg=1'
linux=$build/linux
qemu=(-cpu max -m 512 -nodefaults -display none -no-reboot)
mkdir -p "$work/plain" "$work/traced"

timeout 120 qemu-system-x86_64 "${qemu[@]}" -serial "file:$work/plain/console" -kernel "$linux/vmlinuz" \
    -initrd "$linux/initrd" -append "$words" >"$work/plain/qemu.out" 2>&1 </dev/null
expect "without Engram: QEMU's exit code" 0 $?
timeout 560 qemu-system-x86_64 "${qemu[@]}" -serial "file:$work/traced/serial" -kernel "$build/engram.elf" \
    -append 'engine=dbt after=poweroff dump-wait=1 ring=64M timeout=540' \
    -initrd "$linux/vmlinuz $words trace=1,$linux/initrd" >"$work/traced/qemu.out" 2>&1 </dev/null
expect "QEMU's exit code" 0 $?
receive "$work/traced"
expect "recv" 0 "$(cat "$work/traced/recv.code")"
expect "end" "the guest switched the machine off" "$(meta traced end | sed 's/ (.*//')"

part() { tr -d '\r' <"$3" | sed -n "/^$1/,/^$2/p"; }
complaints() { tr -d '\r' <"$1" | grep -aE '^\[.*(WARNING|BUG|Oops|Call Trace|general protection|segfault|invalid opcode)' | sort -u; }
part WORK DONE "$work/plain/console" >"$work/expected"
part WORK DONE "$work/traced/console" >"$work/got"
expect "lines that the programs put out" 4 "$(wc -l <"$work/expected")"
expect_same "what the programs put out" "$work/expected" "$work/got"
complaints "$work/plain/console" >"$work/expected"
complaints "$work/traced/console" >"$work/got"
expect_same "the kernel's complaints" "$work/expected" "$work/got"

# Every write has been counted, and whose it was.
events=$(meta traced events)
expect_between "writes recorded" 100000000 400000000 "$events"
expect "lost" 0 "$(meta traced lost)"
expect "kernel and programs" "$events" $(($(meta traced tally.kernel) + $(meta traced tally.user)))
expect_between "programs" 10000000 $((events / 2)) "$(meta traced tally.user)"
expect "processes" "$events" "$(info_json traced | grep -oP '"tally\.cr3\.[^"]*":"\K[0-9]+' | awk '{ n += $1 } END { print n }')"

# Between the marks one process alone is recorded for most of the time. The kernel copies the file into its buffer, byte
# by byte, as REP MOVSB does.
expect_line "engramctl run" '^[0-9a-f]{64}  /tmp/file' "$work/traced/console"
"$build/engram" print --events "$work/traced/trace.egrm" |
    sed -n '/# mark (hypercall): sha256sum begins/,/# mark (hypercall): sha256sum has ended/p' >"$work/region"
expect "marks" 2 "$(grep -c '# mark (hypercall)' "$work/region")"
expect_between "accesses kept out" 1 "$events" "$(meta traced filtered)"
cr3=$(grep -v '#' "$work/region" | grep ' cpl 3 ' | grep -o ' cr3 [0-9a-f]*' | sort | uniq -c | sort -rn | awk 'NR == 1 { print $3 }')
expect_between "of the program" 20000 1000000 "$(grep -v '#' "$work/region" | grep -c " cr3 $cr3 cpl 3")"
copied=$(grep -v '#' "$work/region" | grep " w  1 .* cr3 $cr3 cpl 0 .* rep" | grep -o '= 0x[0-9a-f]*' | cut -c5- | paste -sd' ')
head -c 64 "$(cat "$linux/root")/bin/busybox" | od -An -v -tx1 | tr -d '\n' | sed 's/^ //' >"$work/expected"
if grep -qF "$(cat "$work/expected")" <<<"$copied"; then pass; else fail "the file's first 64 bytes are copied by the kernel"; fi
finish
