#!/usr/bin/env bash
# The simulated cache against Valgrind's cachegrind, on one program's accesses: lackey lists them, cachegrind counts
# its misses, and the list as a trace must give the same counts.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/lib.sh"
command -v valgrind >/dev/null || { echo "skipped: no valgrind"; exit 77; }

program=("$root/build/mix-native" n=1 parts=sort,tree,list)
exits 0 env -i valgrind --tool=lackey --trace-mem=yes --log-file=lackey "${program[@]}"
check "lackey"
# An instruction that loads and stores is one read there, and counts as that.
awk '$1 == "L" || $1 == "M" { kind = "r" } $1 == "S" { kind = "w" }
    $1 ~ /^[LSM]$/ { split($2, a, ","); print kind, "0x" a[1], a[2] }' lackey | "$mktrace" slots=512 trace.egrm
accesses=$("$engram" info --json trace.egrm | jq .accesses.count)
[ "$accesses" -gt 100000 ]
check "a trace of $accesses accesses"

number() { sed -n "s/^$1: *\(.*\)/\1/p" cachegrind.out; }
for shape in 32768,8,64 4096,1,32 16384,2,128 8192,4,32 2048,32,64; do
    IFS=, read -r bytes ways line <<<"$shape"
    exits 0 env -i valgrind --tool=cachegrind --cache-sim=yes --I1=32768,8,64 --D1=$shape --LL=8388608,16,128 \
        --cachegrind-out-file=cachegrind.out "${program[@]}"
    check "cachegrind $shape"
    # "events: Ir I1mr ILmr Dr D1mr DLmr Dw D1mw DLmw"
    expected=$(number summary | awk '{printf "[%s,%s,%s,%s]", $4, $5, $7, $8}')
    analyses cache --space gva --level $bytes:$ways:$line trace.egrm
    says "reads, read misses, writes, write misses of $shape" "$expected" \
        '.levels[0].kernel | [.reads.uses,.reads.misses,.writes.uses,.writes.misses]'
done
finish
