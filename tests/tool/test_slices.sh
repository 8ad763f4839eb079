#!/usr/bin/env bash
# Parts of a trace: from and to, by event, instruction count and share; parts in processes and on machines of their
# own, whose results add up to that of the whole.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/lib.sh"

# Three accesses in every second instruction, two lines and a page further each time; small segments.
awk 'BEGIN {
    for (i = 0; i < 20000; i++) {
        a = 65536 + (i * 7919) % 500000
        printf "w %d 8 =%d rip=%d +%d\n", a, i % 251, 4096 + i % 97, i ? 2 : 0
        printf "r %d 4 =%d rip=%d +0\n", a + 8192, i % 13, 8192 + i % 31
        printf "w %d 2 =0 rip=64 cpl=3 cr3=20480 +0\n", 1048576 + 64 * (i % 4096)
    }
}' | "$mktrace" slot=65536 slots=64 text.egrm || exit 1
segments=$("$engram" info --json text.egrm | jq .segments)
[ "$segments" -gt 5 ]
check "the trace has several segments ($segments)"
"$engram" print text.egrm >all

exits 0 "$engram" print --from 31234 --to 45678 text.egrm && sed -n 31235,45678p all | cmp - out
check "from an event to another"
exits 0 "$engram" print --from i:20000 --to i:20010 text.egrm && awk '/ icount (2000[02468]) / {print}' all | cmp - out &&
    [ "$(wc -l <out)" = 15 ]
check "from an instruction count to another: all accesses of each instruction"
exits 0 "$engram" print --from 25% --to 50.5% text.egrm && sed -n 15001,30300p all | cmp - out
check "from a share to another"
for border in 0 1 59999 60000 70000; do
    { "$engram" print --to $border text.egrm; "$engram" print --from $border text.egrm; } | cmp - all
    check "up to $border and from there on are all"
done
for border in 0 1 2 19999 39998 39999 50000; do
    { "$engram" print --to i:$border text.egrm; "$engram" print --from i:$border text.egrm; } | cmp - all
    check "up to instruction $border and from there on are all"
done
"$mktrace" icount=0 uncounted.egrm <<<"w 0x1000 4 =1"
exits 1 "$engram" print --from i:0 uncounted.egrm && grep -q 'no instruction counts' err
check "a trace without instruction counts"
for bad in x 1x i: i:x % 101% -1 5%5; do
    exits 2 "$engram" print --from "$bad" text.egrm
    check "no position: $bad"
done

# Damage in the middle: what is behind it is still found by its number.
cp text.egrm damaged.egrm
size=$(stat -c %s text.egrm)
dd if=/dev/zero of=damaged.egrm bs=1 seek=$((size / 3)) count=3000 conv=notrunc 2>/dev/null
exits 0 "$engram" print --from 55000 damaged.egrm && tail -n +55001 all | cmp - out
check "from an event behind the damage on"
exits 1 "$engram" analyse top --jobs 3 --json damaged.egrm && [ -s err ]
check "jobs tell of the damage"
cp out jobs
exits 1 "$engram" analyse top --json damaged.egrm && cmp out jobs
check "and count the same"

# ---- parts add up ----
for name in top heatmap workingset memory "last-writer 100000+2000"; do
    # shellcheck disable=SC2086
    for slice in "" "--from 10% --to 77%" "--from i:7777 --to i:33333" "--kind w"; do
        exits 0 "$engram" analyse $name --json $slice text.egrm
        cp out whole
        for jobs in 2 3 7 64; do
            exits 0 "$engram" analyse $name --json --jobs $jobs $slice text.egrm && cmp out whole
            check "$name $slice: $jobs jobs give what one gives"
        done
    done
    # shellcheck disable=SC2086
    {
        for part in 1 2 3 4 5; do
            exits 0 "$engram" analyse $name --part $part/5 --save part.$part text.egrm
        done
        exits 0 "$engram" analyse ${name%% *} --merge --json part.1 part.2 part.3 part.4 part.5
        cp out merged
        exits 0 "$engram" analyse $name --json text.egrm && cmp out merged
    }
    check "$name: five parts, saved and merged"
done
# ---- files of their own ----
exits 0 "$engram" split --parts 3 -o cut text.egrm && [ -e cut.0003.egrm ]
check "split"
for i in 1 2 3; do
    exits 0 "$engram" verify cut.000$i.egrm && grep -q 'in another part' out && grep -q 'sound' out
    check "part $i is sound by itself"
    exits 0 "$engram" info cut.000$i.egrm && grep -q "^part  *$i/3" out && grep -q ' elsewhere ' out
    check "info tells of part $i"
done
for i in 1 2 3; do "$engram" print cut.000$i.egrm; done | cmp - all
check "together they are the trace"
for name in top heatmap workingset memory "last-writer 100000+2000"; do
    for i in 1 2 3; do
        # shellcheck disable=SC2086
        exits 0 "$engram" analyse ${name%% *} --save part.$i ${name#"${name%% *}"} cut.000$i.egrm || echo no >>err
    done
    # shellcheck disable=SC2086
    exits 0 "$engram" analyse $name --json text.egrm && cp out whole
    exits 0 "$engram" analyse "${name%% *}" --merge --json part.1 part.2 part.3 && cmp out whole
    check "$name: results of the three files are merged"
done
exits 1 "$engram" split --parts 2 cut.0001.egrm && grep -q 'a part already' err
check "a part is not split again"
exits 1 "$engram" split --parts 999 text.egrm && grep -q 'too few' err
check "too many parts"
"$mktrace" slots=16 marks.egrm <<<'mark only a mark'
exits 0 "$engram" split --parts 1 -o one marks.egrm && exits 0 "$engram" verify one.0001.egrm
check "a trace without accesses, in one part"
exits 0 "$engram" split --parts 2 -o hurt damaged.egrm; { "$engram" print hurt.0001.egrm; "$engram" print hurt.0002.egrm; } 2>err >out
cmp <("$engram" print damaged.egrm 2>/dev/null) out
check "of a damaged trace, all that is sound is in the parts"

# ---- an index ----
cp text.egrm indexed.egrm
exits 0 "$engram" index indexed.egrm && cmp -n "$size" text.egrm indexed.egrm && [ "$(stat -c %s indexed.egrm)" -gt "$size" ]
check "index adds to the file's end"
exits 0 "$engram" index indexed.egrm && grep -q 'has an index' out && exits 0 "$engram" verify indexed.egrm
check "once"
exits 0 "$engram" print --from i:20000 --to i:20010 indexed.egrm && awk '/ icount (2000[02468]) / {print}' all | cmp - out
check "from an instruction count on, by the index"
cp indexed.egrm longer.egrm; echo more >>longer.egrm
exits 1 "$engram" print --from 55000 longer.egrm && tail -n +55001 all | cmp - out
check "an index that is not at the end is not used"
cp indexed.egrm hurt.egrm
printf 'x' | dd of=hurt.egrm bs=1 seek=$((size + 200)) conv=notrunc 2>/dev/null
exits 1 "$engram" verify hurt.egrm && grep -q 'INDEX chunk: CRC' out && exits 1 "$engram" print --from 55000 hurt.egrm && tail -n +55001 all | cmp - out
check "a damaged index is told and not used"
exits 1 "$engram" index /dev/null && exits 2 "$engram" index && exits 2 "$engram" split text.egrm && exits 2 "$engram" split --parts 0 text.egrm
check "errors of index and split"

exits 0 "$engram" analyse top --part 1/2 --save top.1 text.egrm
exits 1 "$engram" analyse memory --merge top.1 && grep -q 'another analysis' err
check "the part of another analysis"
exits 1 "$engram" analyse top --merge text.egrm && grep -q 'no partial result' err
check "what is no partial result"
for bytes in 0 10 30 100 1000; do
    head -c $bytes top.1 >cut
    exits 1 "$engram" analyse top --merge cut && [ -s err ]
    check "a partial result that is cut off after $bytes bytes"
done
finish
