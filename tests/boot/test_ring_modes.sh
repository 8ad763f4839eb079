#!/usr/bin/env bash
# A ring smaller than the trace: `wrap` keeps the newest, `stop` the oldest; both say exactly how many are missing.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

total=300000
# The values are 1, 2, 3, ...: the data are the event's number plus one.
number() { # mawk has no strtonum
    awk '{ print substr($5, 7, 2) substr($5, 5, 2) substr($5, 3, 2) substr($5, 1, 2) }' |
        while read -r hex; do echo $((0x$hex)); done
}

check() { # MODE
    RUN_SECONDS=120 engram_run "$1" "start=text:START stop=text:STOP ring=256K ring-mode=$1" \
        "$guests/benchmark.elf" "guest t=100 u=100 n=$((total / 100)) warmup=1000"
    oracle_list "$1" >"$work/$1/list"
    kept=$(wc -l <"$work/$1/list")
    first=$(head -n 1 "$work/$1/list" | number)
    last=$(tail -n 1 "$work/$1/list" | number)
    expect_between "$1: events kept, fewer than all" 1000 $((total - 1)) "$kept"
    expect "$1: the events kept are consecutive" "$kept" $((last - first + 1))
}

check wrap
expect "wrap: the newest are kept" "$total" "$last"
expect "wrap: events recorded" "$total" "$(meta wrap events)"
expect "wrap: none lost for want of room" 0 "$(meta wrap lost)"
expect "wrap: overwritten, as info says" $((total - kept)) \
    "$(info_json wrap | grep -oP '"cause":"overwritten","first_event":0,"end_event":\K[0-9]+')"

expect "wrap: first event in META" $((total - kept)) "$(meta wrap first_event)"

check stop
expect "stop: the oldest are kept" 1 "$first"
expect "stop: events recorded" "$kept" "$(meta stop events)"
expect "stop: lost" $((total - kept)) "$(meta stop lost)"
expect "stop: first event in META" 0 "$(meta stop first_event)"
finish
