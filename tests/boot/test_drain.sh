#!/usr/bin/env bash
# ring-mode=drain: what was recorded can be read when the machine is switched off in mid-run; and a ring many times smaller than the trace is sent while the guest runs. The guest waits for the line,
# and every event arrives; or it does not, and what is lost is counted. The console's text goes on meanwhile.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

total=300000
guest=$guests/benchmark.elf arguments="guest t=100 u=100 n=$((total / 100)) warmup=1000"
options="start=text:START stop=text:STOP ring=256K"

# The values are 1, 2, 3, ...: the data are the event's number plus one.
values() { # NAME
    oracle_list "$1" | awk '{ print substr($5, 7, 2) substr($5, 5, 2) substr($5, 3, 2) substr($5, 1, 2) }'
}
seq 1 $total | awk '{ printf "%08x\n", $1 }' >"$work/all"

check() { # NAME MODE
    expect "$1: the dump is whole" 0 "$(cat "$work/$1/recv.code")"
    expect "$1: the mode in META" "$2" "$(meta "$1" ring.mode)"
    expect "$1: engram verify finds nothing" 0 "$("$build/engram" verify "$work/$1/trace.egrm" >/dev/null 2>&1; echo $?)"
    expect "$1: recorded and lost are all" $total $(($(meta "$1" events) + $(meta "$1" lost)))
    expect "$1: what was recorded can be read" "$(meta "$1" events)" "$(oracle_list "$1" | wc -l)"
    expect_line "$1: the guest's text" "^STOP" "$work/$1/console"
    expect "$1: why it ended" "stop=text:STOP was reached" "$(meta "$1" end)"
}

waits() { # NAME
    check "$1" drain
    expect "$1: none lost" 0 "$(meta "$1" lost)"
    values "$1" >"$work/$1/values"
    expect_same "$1: every value, in order" "$work/all" "$work/$1/values"
}

RUN_SECONDS=200 engram_run vmx_drain "$options ring-mode=drain" "$guest" "$arguments"
waits vmx_drain
# What hardly compresses is too much for the line.
total=180000
RUN_SECONDS=200 engram_run vmx_lose "$options ring-mode=drain,lose" "$guests/scatter.elf" "guest n=$((total / 3))"
check vmx_lose drain,lose
expect_between "vmx_lose: the line is too slow for all" 1 $((total - 1)) "$(meta vmx_lose lost)"
total=300000

# 16 writes, and then nothing more: they arrive while the guest runs, and stay when the machine is switched off.
dir=$work/cut
mkdir -p "$dir"
: >"$dir/serial"
timeout 60 qemu-system-x86_64 -cpu max -m 256 -display none -monitor none -no-reboot -serial "file:$dir/serial" \
    -kernel "$build/engram.elf" -append "engine=dbt start=text:START ring-mode=drain" -initrd "$guests/hang.elf" \
    >"$dir/qemu.out" 2>&1 </dev/null &
machine=$!
children+=("$machine")
"$build/engram" recv --follow --timeout 5 -o "$dir/trace.egrm" "$dir/serial" >"$dir/console" 2>"$dir/recv.err" &
receiver=$!
children+=("$receiver")
for _ in $(seq 300); do grep -q '^events 0 16$' "$dir/trace.egrm.part" 2>/dev/null && break; sleep 0.1; done
kill "$machine"
wait "$receiver"
expect "cut: the receiver's exit code" 1 $?
expect_line "cut: it says what it has" 'holds the run as far as it was sent, up to event 16' "$dir/recv.err"
expect "cut: the guest's writes" 16 "$(oracle_list cut 2>/dev/null | wc -l)"
expect "cut: the trace knows that the run goes on" "the run goes on" "$(meta cut end)"

engram_qemu_run dbt_drain "$options ring-mode=drain" "$guest" "${arguments#guest }"
waits dbt_drain
engram_qemu_run dbt_lose "$options ring-mode=drain,lose" "$guest" "${arguments#guest }"
check dbt_lose drain,lose
finish
