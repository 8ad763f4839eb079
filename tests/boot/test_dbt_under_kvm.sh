#!/usr/bin/env bash
# The DBT engine under whatever KVM there is, one without hardware virtualization too, which emulates CPL 0: the
# benchmark's writes are exact, a timer interrupts at CPL 3 and changes nothing else, a HLT ends, NMIs arrive, vector
# registers keep their values.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

cpu=$(kvm_cpu) || skip "there is no /dev/kvm with which QEMU starts"
echo "KVM starts with -cpu $cpu"

# kvm_run NAME OPTIONS [GUEST [ARGUMENTS]]: into $work/NAME/console and trace.egrm
kvm_run() {
    local dir=$work/$1 options=$2 guest=${3:+$guests/$3.elf}
    mkdir -p "$dir"
    : >"$dir/qemu.log"
    kvm_machine "$cpu" 200 "$dir/serial" "engine=dbt after=poweroff dump-wait=1 $options" \
        ${guest:+"$guest${4:+ $4}"} >"$dir/qemu.log" 2>&1 </dev/null &
    children+=($!)
    wait_for_machine $! "$dir/qemu.log" || { fail "$1: the machine did not end well"; tail -n 30 "$dir/qemu.log"; }
    receive "$dir"
    expect "$1: the dump is whole" 0 "$(cat "$dir/recv.code")"
    expect "$1: lost" 0 "$(meta "$1" lost)"
}

kvm_run benchmark 'start=text:START stop=text:STOP "args=t=48 u=100 n=20 warmup=10"'
expect "benchmark: events" $((48 * 20)) "$(meta benchmark events)"
expect "benchmark: engine" dbt "$(meta benchmark engine)"
oracle_list benchmark >"$work/benchmark.list"
awk 'BEGIN { for (i = 1; i <= 960; i++) printf "%02x%02x0000\n", i % 256, int(i / 256) }' >"$work/benchmark.data"
cut -d' ' -f5 "$work/benchmark.list" | diff -q - "$work/benchmark.data" >/dev/null
expect "benchmark: data" 0 $?

# Writes outside of what the timer's handler touches are the same however often it comes.
outside() { # NAME GUEST
    local from to
    from=$(symbol_address "$guests/$2.elf" handler_from) to=$(symbol_address "$guests/$2.elf" handler_to)
    oracle_list "$1" | awk -v from="$((from))" -v to="$((to))" 'function number(s,    i, n) {
            for (i = 1; i <= length(s); i++) n = n * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
            return n
        }
        { at = number($2) } at < from || at >= to' >"$work/$1/outside"
}
kvm_run timer "start=text:START stop=text:STOP" paging64 "turns=20 count=100"
kvm_run calm "start=text:START stop=text:STOP" paging64 "turns=20 count=65535"
for name in timer calm; do outside $name paging64; done
expect_same "paging64 with its timer fast and slow" "$work/calm/outside" "$work/timer/outside"
fast=$(meta timer counter.dbt.interrupts) slow=$(meta calm counter.dbt.interrupts)
expect_between "paging64: interrupts" 5 100000 "$fast"
expect_between "paging64: interrupts of the slow timer" 0 $((${fast:-0} / 2)) "$slow"

kvm_run storm "start=text:START stop=text:STOP" storm "writes=2000"
kvm_run storm_calm "start=text:START stop=text:STOP" storm "writes=2000 storm=0"
for name in storm storm_calm; do outside $name storm; done
expect_same "storm and calm" "$work/storm_calm/outside" "$work/storm/outside"
expect_between "storm: interrupts" 5 100000 "$(meta storm counter.dbt.interrupts)"

kvm_run halting "start=text:START" storm "writes=100 halt=1"
expect_line "a HLT ends" "^turns 100 sum $((100 * 101 / 2)) ticks [1-9]" "$work/halting/console"
kvm_run trapped "start=text:START" storm "writes=100 trap=1"
expect_line "traps and interrupts" "^turns 100 sum $((100 * 101 / 2)) ticks [0-9]+ traps [1-9]" "$work/trapped/console"

# One that is sent while another waits is none (SDM Vol. 3A, 6.7.1), so of the seven some may be missing.
kvm_run nmi "start=text:START stop=text:STOP" nmi
count=$(symbol_address "$guests/nmi.elf" count)
oracle_list nmi --gva "${count#0x}+4" | cut -d' ' -f5 >"$work/nmi/counts"
nmis=$(wc -l <"$work/nmi/counts")
expect_between "NMIs" 2 7 "$nmis"
expect "NMIs are counted one by one" "$(printf '%02x000000\n' $(seq "$nmis"))" "$(cat "$work/nmi/counts")"
# Vector registers keep their values while the core works: sums of doubles, copies through SSE registers.
"$build/mix-native" n=100 >"$work/mix.native"
kvm_run mix "start=text:NEVER" mix "n=100"
grep -a '^checksum' "$work/mix/console" | tr -d '\r' >"$work/mix/sums"
grep "^checksum" "$work/mix.native" >"$work/mix/expected"
expect_same "the mix's checksums" "$work/mix/expected" "$work/mix/sums"

kvm_run triple "" triplefault
expect_line "a triple fault" "engram: the guest triple-faulted" "$work/triple/console"
finish
