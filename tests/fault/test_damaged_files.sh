#!/usr/bin/env bash
# A damaged, cut or foreign trace file: the tool says where and what, delivers everything before and after, exits with
# 1, and never crashes.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

n=30000
engram_run good "start=text:START stop=text:STOP" "$guests/scatter.elf" "guest n=$n"
good=$work/good/trace.egrm
oracle_list good >"$work/list"
expect "the good file's events" $((3 * n)) "$(wc -l <"$work/list")"
size=$(stat -c %s "$good")

check() { # NAME FILE MINIMUM-OF-EVENTS
    local command code
    for command in info print verify; do
        code=0
        "$build/engram" "$command" "$2" >"$work/$1.$command" 2>"$work/$1.$command.err" || code=$?
        expect "$1: exit code of engram $command" 1 "$code"
    done
    expect_between "$1: something is said" 1 100000 "$(wc -l <"$work/$1.print.err")"
    "$build/engram" print --format oracle "$2" >"$work/$1.list" 2>/dev/null
    # What is delivered is part of the whole, in its order.
    expect "$1: nothing is wrong in what is delivered" 0 \
        "$(diff "$work/list" "$work/$1.list" | grep -c '^>')"
    expect_between "$1: events delivered" "$3" $((3 * n - 1)) "$(wc -l <"$work/$1.list")"
}

cp "$good" "$work/flipped"
printf '\377\000\377' | dd of="$work/flipped" bs=1 seek=$((size / 2)) conv=notrunc status=none
check flipped "$work/flipped" $((2 * n))

head -c $((size * 2 / 3)) "$good" >"$work/cut"
check cut "$work/cut" "$n"

{ head -c $((size / 3)) "$good"; tail -c +$((size / 3 + 101)) "$good"; } >"$work/hole"
check hole "$work/hole" "$n"

head -c 100000 /dev/urandom >"$work/random"
check random "$work/random" 0
cp "$build/engram" "$work/program"
check program "$work/program" 0
: >"$work/empty"
check empty "$work/empty" 0
finish
