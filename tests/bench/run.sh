#!/usr/bin/env bash
# What `make bench` does (docs/performance.md says how to read it):
#
#   PARTS='vmx peers'   vmx: costs of a traced write as counted in Bochs; peers: times against native and QEMU
#   ROUNDS=5            measurements of each peer at each t, interleaved; the median counts
#   SECONDS_EACH=0.3    how long each of them is to take
#
# Everything goes to build/bench: *.tsv the figures, summary.txt the tables, performance.svg the plot.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

out=build/bench
for part in ${PARTS:-vmx peers}; do
    case $part in
    vmx | peers) tests/bench/"$part".sh ;;
    *) die "PARTS=$part: the parts are vmx and peers" ;;
    esac
done

{
    printf '%s, %s\n' "$(date -u +%Y-%m-%d)" "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
    [ ! -s $out/vmx.tsv ] || { printf '\n'; awk -f tests/bench/vmx.awk $out/vmx.tsv; }
    [ ! -s $out/peers.tsv ] || { printf '\n'; awk -v medians=$out/medians.tsv -f tests/bench/peers.awk $out/peers.tsv; }
} >$out/summary.txt
printf '\n'
cat $out/summary.txt
printf '\nfigures in %s/*.tsv, tables in %s/summary.txt\n' "$out" "$out"
if [ -s $out/medians.tsv ]; then
    gnuplot -e "data='$out/medians.tsv'; output='$out/performance.svg'" tests/bench/plot.gp
    printf 'plot in %s/performance.svg\n' "$out"
fi
