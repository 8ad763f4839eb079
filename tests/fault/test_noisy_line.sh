#!/usr/bin/env bash
# A serial line on which 1% of the bytes are flipped or dropped: the dump arrives whole when the line is two-way, and on
# a one-way line the tool says exactly which events are missing.
. "$(dirname "$0")/../lib.sh"

t=50 n=400
total=$((t * n))
target=$(symbol_address "$guests/benchmark.elf" target)
awk -v n="$total" -v at="${target#0x}" 'BEGIN {
    for (i = 1; i <= n; i++)
        printf "W %s %s 4 %02x%02x%02x00\n", at, at, i % 256, int(i / 256) % 256, int(i / 65536)
}' >"$work/expected"

noisy_run() { # NAME NOISYLINE-OPTIONS
    local name=$1 dir=$work/$1 serial line
    shift
    mkdir -p "$dir"
    serial=$(free_port) line=$(free_port)
    printf '%s\n' start=text:START stop=text:STOP after=poweroff dump-wait="${DUMP_WAIT:-20}" >"$dir/options"
    make_engram_iso "$dir" "$guests/benchmark.elf" "guest t=$t u=100 n=$n warmup=1000"
    write_bochsrc "$dir/bochsrc" "$dir/iso" "mode=socket-server, dev=localhost:$serial"
    timeout 120 scripts/bochs.sh -q -f "$dir/bochsrc" >"$dir/bochs.out" 2>&1 </dev/null &
    children+=($!)
    timeout 120 "$build/bin/noisyline" "$@" "$serial" "$line" 2>"$dir/noise" </dev/null &
    children+=($!)
    local code=0
    timeout 120 "$build/engram" recv -o "$dir/trace.egrm" "tcp:127.0.0.1:$line" >"$dir/console" 2>"$dir/recv.err" \
        </dev/null || code=$?
    echo "$code" >"$dir/recv.code"
    stop_children
    wait 2>/dev/null
    children=()
}

for seed in 1 2; do
    name=two_way_$seed
    BOCHS_IPS=20000000 noisy_run "$name" --seed "$seed"
    expect "$name: the dump is whole" 0 "$(cat "$work/$name/recv.code")"
    oracle_list "$name" >"$work/$name/list"
    expect_same "$name: every event arrived" "$work/expected" "$work/$name/list"
    expect_line "$name: bytes were really damaged" "from the machine: .* [1-9][0-9]* of them flipped, [1-9]" \
        "$work/$name/noise"
done

DUMP_WAIT=1 noisy_run one_way --seed 3 --one-way --rate 100
expect "one way: recv says that it is not whole" 1 "$(cat "$work/one_way/recv.code")"
oracle_list one_way >"$work/one_way/list" 2>"$work/one_way/findings"
expect "one way: print says that it is not whole" 1 $?
# What is missing by the data, which number the events, and what is missing as the tool says.
sort "$work/one_way/list" >"$work/one_way/sorted"
missing=$(sort "$work/expected" | comm -23 - "$work/one_way/sorted" | wc -l)
expect_between "one way: events missing" 1 "$total" "$missing"
expect "one way: no event is wrong" 0 "$(sort "$work/expected" | comm -13 - "$work/one_way/sorted" | wc -l)"
said=$(info_json one_way | grep -oP '"first_event":[0-9]+,"end_event":[0-9]+' |
    awk -F'[:,]' '{ s += $4 - $2 } END { print s + 0 }')
expect "one way: events missing as the tool says" "$missing" "$said"
finish
