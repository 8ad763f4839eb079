#!/usr/bin/env bash
# What the host command takes for a long trace, guest/mix recorded by the hosted DBT engine: user time of each command,
# as events a second and against `wc -c` and `zstd -d` of the same bytes in the same run, and the most memory it had.
# To build/bench/tool.tsv. EVENTS (100000000) is about how long the trace is.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

folder=build/bench/tool engram=build/engram
trace=$folder/trace.egrm
turns=$((${EVENTS:-100000000} / 990000 + 1))
mkdir -p $folder
say "recording the trace"
build/dbt-host trace=rw ring.mode=stop ring=$((turns * 30 + 64)) out=$trace build/guest/mix.elf n=$turns >/dev/null 2>&1
events=$($engram info --json $trace | grep -oP '"accesses":\{"count":\K[0-9]+')
zstd -q -f -1 $trace -o $trace.zst
say "$events events, $(stat -c %s $trace) bytes"

# measure NAME COMMAND...: seconds of user time, the least of ROUNDS, and KiB of memory
measure() {
    local name=$1 round best='' memory=0 user kib
    shift
    for round in $(seq "${ROUNDS:-3}"); do
        /usr/bin/time -o $folder/time -f '%U %S %M' "$@" >/dev/null 2>$folder/log || die "$name failed: $(tail -n 1 $folder/log)"
        read -r user system kib <$folder/time
        user=$(awk -v a="$user" -v b="$system" 'BEGIN { print a + b }')
        if [ -z "$best" ] || awk -v a="$user" -v b="$best" 'BEGIN { exit !(a < b) }'; then best=$user; fi
        [ "$kib" -le "$memory" ] || memory=$kib
    done
    printf '%s\t%s\t%s\t%s\n' "$name" "$best" "$memory" "$events"
    say "$name: $best s, $memory KiB"
}
{
    measure 'wc -c <' sh -c "cat $trace | wc -c"
    measure 'zstd -d' zstd -q -d -c $trace.zst
    measure 'verify' $engram verify $trace
    measure 'info' $engram info $trace
    measure 'print --from 50% --count 1' $engram print --from 50% --count 1 $trace
    for name in top heatmap workingset reuse cache sharing double-fetch 'last-writer 1000000' memory silent-stores; do
        # shellcheck disable=SC2086
        measure "analyse $name" $engram analyse $name $trace
    done
    measure 'analyse diff' $engram analyse diff $trace $trace
    measure 'report' $engram report -o $folder/report.html $trace
    for name in csv jsonl lackey din champsim gem5 drmemtrace npy parquet; do
        measure "convert $name" $engram convert $name -o $folder/converted $trace
        rm -f $folder/converted
    done
    measure "convert ctf" $engram convert ctf -o $folder/ctf $trace
    rm -rf $folder/ctf
} >build/bench/tool.tsv
rm -rf $folder
