#!/usr/bin/env bash
# The time of a real program's mix of work (guest/mix), of all of it and of each part: as a Linux process of the same
# object files, under QEMU, with the recording plugin, and under Engram's DBT engine (hosted). To build/bench/mix.tsv;
# what share of a part's instructions writes and reads goes to build/bench/shares.tsv.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
# shellcheck source=tests/bench/peer.sh
. tests/bench/peer.sh

guest=build/guest/mix.elf all=sort,hash,copy,text,table,tree,matrix,list

parts_of() { [ "$1" = all ] && echo $all || echo "$1"; }

measure() { # PEER PART N
    local parts
    parts=$(parts_of "$2")
    run_peer "$1" $guest "n=$3 parts=$parts" \
        build/bench/stopwatch 120 "${pin[@]}" build/mix-native "n=$3" "parts=$parts" || return
    check_records "$1" "$3"
}

# Accesses of each kind per instruction, in percent, as the DBT engine counts them between START and STOP.
shares() { # PART
    local parts n=10 kind count instructions
    parts=$(parts_of "$1")
    printf '%s' "$1"
    instructions=$(($(instructions_of n=$n "$parts") - $(instructions_of n=0 "$parts")))
    for kind in w r; do
        build/dbt-host trace=$kind ring=256 start=START stop=STOP out=build/bench/share.egrm $guest "n=$n" "parts=$parts" \
            >/dev/null 2>$log
        count=$(build/engram info --json build/bench/share.egrm | grep -oP '"events":"?\K[0-9]+' | head -n 1)
        printf '\t%s' "$(awk -v n="$count" -v of="$instructions" 'BEGIN { printf "%.2f", 100 * n / of }')"
    done
    printf '\n'
    rm -f build/bench/share.egrm
}
instructions_of() { # N PARTS
    build/dbt-host trace=none counters=1 $guest "$1" "parts=$2" 2>&1 >/dev/null |
        sed -n 's/^counter\.dbt\.instructions=//p'
}

measure_all build/bench/mix.tsv 5 "all ${all//,/ }" native qemu plugin-w plugin-rw dbt dbt-w dbt-rw
for part in all ${all//,/ }; do shares "$part"; done >build/bench/shares.tsv
