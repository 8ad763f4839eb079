#!/usr/bin/env bash
# The machine is reset while the guest runs; booted again with dump=previous, Engram delivers what memory holds of that
# run. GRUB chooses what it boots by a bit in CMOS memory.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# make_iso DIR OPTIONS: the first boot records the benchmark, and its name makes Engram reset the machine in mid-run.
make_iso() {
    mkdir -p "$1"
    cat >"$1/grub.cfg" <<END
set timeout=0
if cmostest 0x7f:3; then
    cmosclean 0x7f:3
    multiboot2 /boot/engram.elf after=poweroff dump-wait=1 dump=previous
else
    cmosset 0x7f:3
    multiboot2 /boot/engram.elf after=poweroff dump-wait=1 start=text:START $2
    module2 /boot/guest reset t=100 u=100 n=10000000 warmup=1000
fi
boot
END
    ISO_FIRMWARE=bios scripts/mkiso.sh "$1/iso" "$build/engram-faulty.elf" "$1/grub.cfg" "$guests/benchmark.elf=guest"
}

# The values are 1, 2, 3, ...: the data are the event's number plus one.
check() { # NAME EVENTS-AT-LEAST
    local dir=$work/$1 first last count
    receive "$dir"
    expect "$1: the machine started twice" 2 "$(grep -ac '^Engram [0-9.]*:' "$dir/console")"
    expect_line "$1: the ring was found" "^engram: the ring of run [0-9a-f]{16} is at 0x" "$dir/console"
    expect "$1: the dump is whole" 0 "$(cat "$dir/recv.code")"
    expect "$1: engram verify finds nothing" 0 "$("$build/engram" verify "$dir/trace.egrm" >"$dir/verify" 2>&1; echo $?)"
    expect "$1: how the run ended" "the machine was reset while the guest ran" "$(meta "$1" end)"
    expect_line "$1: the guest" "^reset t=100" <(meta "$1" guest)
    oracle_list "$1" | awk '{ print substr($5, 7, 2) substr($5, 5, 2) substr($5, 3, 2) substr($5, 1, 2) }' >"$dir/values"
    count=$(wc -l <"$dir/values") first=$((0x$(head -n 1 "$dir/values"))) last=$((0x$(tail -n 1 "$dir/values")))
    expect_between "$1: events" "$2" 1000000000 "$count"
    expect "$1: they are consecutive" "$count" $((last - first + 1))
    expect "$1: the last one's number" "$last" "$(meta "$1" events)"
    seq "$first" "$last" | awk '{ printf "%08x\n", $1 }' >"$dir/expected"
    expect_same "$1: every value, in order" "$dir/expected" "$dir/values"
}

in_qemu() { # NAME OPTIONS EVENTS-AT-LEAST
    make_iso "$work/$1" "engine=dbt $2"
    timeout 120 qemu-system-x86_64 -cpu max -m 256 -display none -monitor none -serial "file:$work/$1/serial" \
        -cdrom "$work/$1/iso" >"$work/$1/qemu.out" 2>&1 </dev/null
    check "$1" "$3"
}
in_qemu dbt_wrap "ring=8M" 500000
in_qemu dbt_stop "ring=1M ring-mode=stop" 20000

make_iso "$work/vmx" "ring=256K"
RUN_SECONDS=120 run_bochs "$work/vmx"
check vmx 100
finish
