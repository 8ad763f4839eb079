#!/usr/bin/env bash
# A serial line on which 1% of the bytes are flipped or dropped: the dump arrives whole when the line is two-way, and on
# a one-way line the tool says exactly which events are missing.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# The trace without noise: one that hardly compresses, so that the dump is long.
guest=$guests/scatter.elf
clean_run() { # N
    engram_run "clean$1" "start=text:START stop=text:STOP" "$guest" "guest n=$1"
    expect "clean: events" $((3 * $1)) "$(meta "clean$1" events)"
    oracle_list "clean$1" >"$work/expected$1"
}
short=3000 long=30000
clean_run $short
clean_run $long
# The text of a long dump comes in frames of its own.
expect_line "progress on the console" '^engram: dump: 50% of [0-9]+ KiB sent' "$work/clean$long/console"

noisy_run() { # NAME N NOISYLINE-OPTIONS
    local dir=$work/$1 n=$2 serial line
    shift 2
    mkdir -p "$dir"
    serial=$(free_port) line=$(free_port)
    printf '%s\n' start=text:START stop=text:STOP after=poweroff dump-wait="$DUMP_WAIT" >"$dir/options"
    make_engram_iso "$dir" "$guest" "guest n=$n"
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

# The machine's seconds are short at the default BOCHS_IPS: it must wait long enough for us.
for seed in 1 2; do
    name=two_way_$seed
    DUMP_WAIT=1000 noisy_run "$name" $short --seed "$seed"
    expect "$name: the dump is whole" 0 "$(cat "$work/$name/recv.code")"
    oracle_list "$name" >"$work/$name/list"
    expect_same "$name: every event arrived" "$work/expected$short" "$work/$name/list"
    expect_line "$name: bytes were really damaged" "from the machine: .* [1-9][0-9]* of them flipped, [1-9]" \
        "$work/$name/noise"
done

# one_way NAME NOISYLINE-OPTIONS: what arrived, and what the tool says is missing, make the whole.
one_way() {
    local name=$1 dir=$work/$1
    shift
    DUMP_WAIT=10 noisy_run "$name" $long --one-way "$@"
    expect "$name: recv says that it is not whole" 1 "$(cat "$dir/recv.code")"
    oracle_list "$name" >"$dir/list" 2>"$dir/findings"
    expect "$name: print says that it is not whole" 1 $?
    info_json "$name" | grep -oP '"cause":"[a-z]*","first_event":\K[0-9]+,"end_event":([0-9]+|null)' |
        sed 's/,"end_event":/ /' >"$dir/gaps"
    awk 'NR == FNR { first[NR] = $1; end[NR] = $2; gaps = NR; next }
        { for (i = 1; i <= gaps; i++) if (FNR > first[i] && FNR <= end[i]) next; print }' \
        "$dir/gaps" "$work/expected$long" >"$dir/expected"
    expect_same "$name: all but the events said to be missing arrived" "$dir/expected" "$dir/list"
    local arrived missing
    arrived=$(wc -l <"$dir/list")
    missing=$((3 * long - arrived))
    expect_between "$name: events missing" 1 $((3 * long)) "$missing"
    # What recv said, from its own lines.
    sed -nE 's/^    events ([0-9]+) to ([0-9]+) \([0-9]+\), .*/\1 \2/p; s/^    event ([0-9]+), .*/\1 \1/p' \
        "$dir/recv.err" | awk '{ print $1, $2 + 1 }' >"$dir/recv.gaps"
    tr , ' ' <"$dir/gaps" | awk '$2 > $1' >"$dir/info.gaps"
    expect_same "$name: recv and info name the same events as missing" "$dir/info.gaps" "$dir/recv.gaps"
    expect "$name: events said to be missing" "$missing" "$(awk '{ n += $2 - $1 } END { print n + 0 }' "$dir/recv.gaps")"
    expect_line "$name: recv knows which there should be" "sent: .* events, 0 up to \(not including\) $((3 * long))$" \
        "$dir/recv.err"
}
one_way one_way_light --seed 3 --rate 8
expect_between "one_way_light: events that arrived" 1 $((3 * long - 1)) "$(wc -l <"$work/one_way_light/list")"
one_way one_way_heavy --seed 4 --rate 10000
expect_line "one_way_heavy: 1% really was damaged" "from the machine: .* [1-9][0-9]{3,} of them flipped, [1-9][0-9]{3,}" \
    "$work/one_way_heavy/noise"
finish
