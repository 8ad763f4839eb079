# What is measured against each other, and how; sourced by peers.sh and mix.sh, after lib.sh. A caller says what a peer
# has to do by
#
#     measure PEER WORK N   prints the nanoseconds that N rounds of WORK take; what else the peer says goes to $log
#
# and calls measure_all FILE "WORK..." PEER...
# shellcheck shell=bash

rounds=${ROUNDS:-5} seconds=${SECONDS_EACH:-0.3} log=build/bench/last.log
[[ $rounds =~ ^[1-9][0-9]*$ ]] || die "ROUNDS=$rounds is no number of rounds"
[[ $seconds =~ ^[0-9]+(\.[0-9]+)?$ ]] || die "SECONDS_EACH=$seconds is no number of seconds"

pin=()
cpu=$(taskset -pc $$ 2>/dev/null | grep -oE '[0-9]+$') && pin=(taskset -c "$cpu")

qemu_root=$(scripts/fetch.sh qemu | tail -n 1) || qemu_root=/
firmware=()
if [ "$qemu_root" = / ]; then
    qemu_root=
else
    qemu_root=$qemu_root/usr/bin/
    firmware=(-L "${qemu_root%bin/}share/qemu" -L /usr/share/seabios -L /usr/share/qemu)
fi
version=$("${qemu_root}qemu-system-x86_64" --version | grep -oE '[0-9]+\.[0-9.]+' | head -n 1)
plugin=build/bench/plugin$((${version%%.*} < 9 ? 1 : 2)).so
machine=("${firmware[@]}" -accel tcg -nodefaults -display none -monitor none -no-reboot -m 64 -serial stdio)
[ "${version%%.*}" -ge 10 ] || say "QEMU before 10 gives plugins no data, and 7.2 calls them for reads even where only writes count"

# run_peer PEER GUEST ARGUMENTS NATIVE...: nanoseconds of CPU time from the guest's line START to its next line.
# NATIVE is the command of the same work as a process.
run_peer() {
    local peer=$1 guest=$2 arguments=$3 watch=(build/bench/stopwatch 120 "${pin[@]}") ring=ring.mode=wrap
    local qemu=("${watch[@]}" "${qemu_root}qemu-system-x86_64" "${machine[@]}" -kernel "$guest" -append "$arguments")
    shift 3
    [[ $peer != *32 ]] || qemu[${#watch[@]}]=${qemu_root}qemu-system-i386
    case $peer in
    native) "$@" ;;
    qemu*) "${qemu[@]}" ;;
    plugin-w*) "${qemu[@]}" -plugin "$plugin,kinds=w,ring=256" ;;
    plugin-rw*) "${qemu[@]}" -plugin "$plugin,kinds=rw,ring=256" ;;
    dbt) "${watch[@]}" build/dbt-host trace=none "$guest" "$arguments" ;;
    dbt-w) "${watch[@]}" build/dbt-host trace=w ring=256 $ring "$guest" "$arguments" ;;
    dbt-rw) "${watch[@]}" build/dbt-host trace=rw ring=256 $ring "$guest" "$arguments" ;;
    esac 2>$log
}

# What was asked for must have been done: the plugin tells how many records it made. check_records PEER AT-LEAST
check_records() {
    local records
    [[ $1 == plugin-* ]] || return 0
    records=$(grep -oE 'records=[0-9]+' $log | cut -d= -f2)
    [ "${records:-0}" -ge "$2" ] || die "bench: $1 made ${records:-no} records of at least $2"
}

# How many rounds of a work take about $seconds: kept per peer and work.
declare -A turns
calibrate() { # PEER WORK FIRST-N
    local n=$3 ns
    until ns=$(measure "$1" "$2" "$n") && [ "$ns" -gt 20000000 ]; do
        n=$((n * 8))
        [ $n -lt 1000000000 ] || die "bench: $1 cannot be measured: $(tail -n 1 $log)"
    done
    turns[$1,$2]=$(awk -v n="$n" -v ns="$ns" -v s="$seconds" \
        'BEGIN { m = n * s * 1e9 / ns; print int(m < 1 ? 1 : m > 4e9 ? 4e9 : m) }')
}

# measure_all FILE FIRST-N "WORK..." PEER...: a line per measurement: round, work, peer, rounds of the work, nanoseconds.
# The rounds go through all peers at all works, so that a slow minute of the machine meets all.
measure_all() {
    local out=$1 first=$2 works=$3 fresh round work peer n ns
    shift 3
    say "$(basename "$out" .tsv): $*; QEMU $version; ${pin[*]:+pinned to CPU $cpu; }$rounds rounds of $seconds s"
    mkdir -p build/bench
    fresh=$(mktemp build/bench/fresh.XXXXXX)
    # shellcheck disable=SC2064 # the name is known now
    trap "rm -f '$fresh'" EXIT
    printf '#round\twork\tpeer\tturns\tns\n' >"$fresh"
    for ((round = 0; round <= rounds; round++)); do
        for work in $works; do
            for peer in "$@"; do
                if [ $round = 0 ]; then
                    calibrate "$peer" "$work" "$first"
                    continue
                fi
                n=${turns[$peer,$work]}
                ns=$(measure "$peer" "$work" "$n") || die "bench: $peer $work n=$n: $(tail -n 1 $log)"
                printf '%s\t%s\t%s\t%s\t%s\n' $round "$work" "$peer" "$n" "$ns" >>"$fresh"
            done
            printf '\r  %s %d/%d, %-8s ' "$([ $round = 0 ] && echo calibration, round || echo round)" \
                $round "$rounds" "$work" >&2
        done
    done
    printf '\n' >&2
    mv "$fresh" "$out"
    trap - EXIT
    echo "$version" >build/bench/qemu.version
}
