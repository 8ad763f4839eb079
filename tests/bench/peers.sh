#!/usr/bin/env bash
# The benchmark's time per outer turn: as a Linux process, under QEMU, under QEMU with the recording plugin, and under
# Engram's DBT engine (hosted) where it is built. A line per measurement to build/bench/peers.tsv: round, t, peer,
# outer turns, nanoseconds. The rounds go through all peers at all t, so that a slow minute of the machine meets all.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

rounds=${ROUNDS:-5} seconds=${SECONDS_EACH:-0.3} guest=build/guest/benchmark.elf out=build/bench/peers.tsv u=100
[[ $rounds =~ ^[1-9][0-9]*$ ]] || die "ROUNDS=$rounds is no number of rounds"
[[ $seconds =~ ^[0-9]+(\.[0-9]+)?$ ]] || die "SECONDS_EACH=$seconds is no number of seconds"

pin=()
cpu=$(taskset -pc $$ 2>/dev/null | grep -oE '[0-9]+$') && pin=(taskset -c "$cpu")

# The guest is a 32-bit kernel, so qemu-system-i386 runs it too. Depending on where its memory happens to lie, either
# emulator may be up to three times slower than the other: both are measured, and the better of the two is the peer.
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
machine=("${firmware[@]}" -accel tcg -nodefaults -display none -monitor none -no-reboot -m 64 -serial stdio -kernel "$guest")

peers=(native qemu qemu32 plugin-w plugin-w32 plugin-rw plugin-rw32)
# The hosted DBT engine prints the guest's serial line on its standard output, as QEMU does.
[ ! -x build/dbt-host ] || peers+=(dbt dbt-w dbt-rw)
say "peers: ${peers[*]}; QEMU $version; ${pin[*]:+pinned to CPU $cpu; }$rounds rounds of $seconds s"
[ "${version%%.*}" -ge 10 ] || say "QEMU before 10 gives plugins no data, and 7.2 calls them for reads even where only writes count"

# measure PEER T N: nanoseconds that N outer turns take; nothing if that is too short to tell
measure() {
    local arguments="t=$2 u=$u n=$3" watch=(build/bench/stopwatch 120 "${pin[@]}") log=build/bench/last.log
    local qemu=("${watch[@]}" "${qemu_root}qemu-system-x86_64" "${machine[@]}" -append "$arguments warmup=3000000")
    [[ $1 != *32 ]] || qemu[${#watch[@]}]=${qemu_root}qemu-system-i386
    case $1 in
    native) "${pin[@]}" build/bench/native "t=$2" "u=$u" "n=$3" ;;
    qemu*) "${qemu[@]}" ;;
    plugin-w*) "${qemu[@]}" -plugin "$plugin,kinds=w,ring=256" ;;
    plugin-rw*) "${qemu[@]}" -plugin "$plugin,kinds=rw,ring=256" ;;
    dbt) "${watch[@]}" build/dbt-host trace=none "$guest" "$arguments warmup=3000000" ;;
    dbt-w) "${watch[@]}" build/dbt-host trace=w ring=256 "$guest" "$arguments warmup=3000000" ;;
    dbt-rw) "${watch[@]}" build/dbt-host trace=rw ring=256 "$guest" "$arguments warmup=3000000" ;;
    esac 2>$log
}

# What was asked for must have been done: the plugin tells how many records it made, at least t*n.
check_records() {
    local records
    records=$(grep -oE 'records=[0-9]+' build/bench/last.log | cut -d= -f2)
    [ "${records:-0}" -ge $(($2 * $3)) ] || die "bench: $1 made ${records:-no} records of $(($2 * $3)) writes"
}

# How many outer turns take about $seconds: kept per peer and t.
declare -A turns
calibrate() {
    local n=20000 ns
    until ns=$(measure "$1" "$2" $n) && [ "$ns" -gt 20000000 ]; do
        n=$((n * 8))
        [ $n -lt 1000000000 ] || die "bench: $1 cannot be measured: $(tail -n 1 build/bench/last.log)"
    done
    turns[$1,$2]=$(awk -v n=$n -v ns="$ns" -v s="$seconds" 'BEGIN { m = n * s * 1e9 / ns; print int(m < 1 ? 1 : m > 4e9 ? 4e9 : m) }')
}

mkdir -p build/bench
fresh=$(mktemp build/bench/peers.XXXXXX)
trap 'rm -f "$fresh"' EXIT
printf '#round\tt\tpeer\tturns\tns\n' >"$fresh"
for ((round = 0; round <= rounds; round++)); do
    for t in 0 1 5 10 25 48 75 100; do
        for peer in "${peers[@]}"; do
            if [ $round = 0 ]; then
                calibrate "$peer" $t
                continue
            fi
            n=${turns[$peer,$t]}
            ns=$(measure "$peer" $t "$n") || die "bench: $peer t=$t n=$n: $(tail -n 1 build/bench/last.log)"
            [[ $peer != plugin-* ]] || check_records "$peer" $t "$n"
            printf '%s\t%s\t%s\t%s\t%s\n' $round $t "$peer" "$n" "$ns" >>"$fresh"
        done
        printf '\r  %s %d/%d, t=%-3d ' "$([ $round = 0 ] && echo calibration, round || echo round)" \
            $round "$rounds" $t >&2
    done
done
printf '\n' >&2
mv "$fresh" $out
echo "$version" >build/bench/qemu.version
