#!/usr/bin/env bash
# What `make bench` does (docs/performance.md says how to read it):
#
#   PARTS='vmx peers mix'   vmx: costs of a traced write as counted in Bochs; peers: the benchmark's times against native
#                           and QEMU; mix: those of a real program's mix; tool (not by default): the host command on
#                           EVENTS=100000000
#   ROUNDS=5                measurements of each peer at each work, interleaved; the median counts
#   SECONDS_EACH=0.3        how long each of them is to take
#
# Everything goes to build/bench: *.tsv the figures, summary.txt the tables, performance.svg and mix.svg the plots.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

out=build/bench
for part in ${PARTS:-vmx peers mix}; do
    case $part in
    vmx | peers | mix | tool) tests/bench/"$part".sh ;;
    *) die "PARTS=$part: the parts are vmx, peers, mix and tool" ;;
    esac
done

{
    printf '%s, %s\n' "$(date -u +%Y-%m-%d)" "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
    [ ! -s $out/vmx.tsv ] || { printf '\n'; awk -f tests/bench/vmx.awk $out/vmx.tsv; }
    [ ! -s $out/peers.tsv ] || { printf '\n'; awk -v medians=$out/medians.tsv -f tests/bench/medians.awk \
        -f tests/bench/peers.awk $out/peers.tsv; }
    [ ! -s $out/mix.tsv ] || { printf '\n'; awk -v medians=$out/mix.medians.tsv -v shares=$out/shares.tsv \
        -f tests/bench/medians.awk -f tests/bench/mix.awk $out/mix.tsv; }
    [ ! -s $out/tool.tsv ] || { printf '\n'; awk -f tests/bench/tool.awk $out/tool.tsv; }
} >$out/summary.txt
printf '\n'
cat $out/summary.txt
printf '\nfigures in %s/*.tsv, tables in %s/summary.txt\n' "$out" "$out"
plot() { # DATA SCRIPT OUTPUT
    [ -s "$out/$1" ] || return 0
    gnuplot -e "data='$out/$1'; output='$out/$3'" "tests/bench/$2"
    printf 'plot in %s/%s\n' "$out" "$3"
}
plot medians.tsv plot.gp performance.svg
plot mix.medians.tsv plot_mix.gp mix.svg
