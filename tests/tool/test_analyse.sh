#!/usr/bin/env bash
# Each analysis on a trace written by hand, whose answer is known.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/lib.sh"

# trace NAME [OPTION]...: from the text on standard input
trace() { "$mktrace" "${@:2}" "$1.egrm" || exit 1; }

# ---- top ----
trace top <<'END'
set rip=0x400000
w 0x1000 8 =1
w 0x1008 8 =2
r 0x1000 8 =1 rip=0x400010
r 0x103c 8 =0 rip=0x400010      # in two lines
w 0x1ffc 8 =5 gpa2=0x9000       # on two pages, physically apart
w 0x1000 4 =5
END
analyses top top.egrm
says "top: reads and writes" '[2,4]' '[.reads,.writes]'
says "top: code" '["0x400000",0,4,28]' '.code[0] | [.address,.reads,.writes,.bytes]'
says "top: lines, an access in two counts in both" '[["0x1000",2,3],["0x1040",1,0],["0x1fc0",0,1],["0x9000",0,1]]' \
    '[.line[] | [.address,.reads,.writes]]'
says "top: pages" '[["0x1000",2,4,40],["0x9000",0,1,4]]' '[.page[] | [.address,.reads,.writes,.bytes]]'
analyses top --kind r --by page top.egrm
says "top: with a filter, and of one kind" '[2,false]' '[.page[0].reads, has("code")]'
printf '0000000000400000 T first\n0000000000400010 t second\n' >symbols
analyses top --symbols symbols top.egrm
says "top: symbols of a list" '[["first",4],["second",2]]' '[.symbol[] | [.symbol,.reads+.writes]]'
printf '0000000000000000 T first\n0000000000000010 t second\n' >moved
analyses top --symbols moved@400000 --by symbol top.egrm
says "top: symbols at an offset" '["first","second"]' '[.symbol[].symbol]'

# ---- heatmap: 4 instructions at page 1, then 4 at page 100 ----
for i in 0 1 2 3; do echo "w $((0x1000 + 8 * i)) 8 =$i"; done >text
for i in 0 1 2 3; do echo "r $((0x64000 + 8 * i)) 8 =$i"; done >>text
trace heat <text
analyses heatmap --columns 2 heat.egrm
says "heatmap: cells" '[["0x1000",[0,0],[4,0]],["0x64000",[0,4],[0,0]]]' '[.rows[] | [.first,.reads,.writes]]'
says "heatmap: time" '[0,4,8]' .time
analyses heatmap --columns 8 --rows 1 heat.egrm
says "heatmap: rows taken together" '[[0,0,0,0,1,1,1,1],[1,1,1,1,0,0,0,0]]' '.rows[0] | [.reads,.writes]'

# ---- workingset: 10 instructions each ----
{
    for i in $(seq 0 9); do echo "w $((0x1000 + 64 * (i % 3))) 8 =1"; done
    for i in $(seq 0 9); do echo "r $((0x2000 + 4096 * i)) 8 =1"; done
} >text
trace set <text
analyses workingset --interval 10 set.egrm
says "workingset: intervals" '[[0,1,3,1,3],[10,10,10,0,0]]' \
    '[.intervals[] | select(.pages > 0) | [.from,.pages,.lines,.written_pages,.written_lines]]'
says "workingset: all" '[11,13,1,3]' '.all | [.pages,.lines,.written_pages,.written_lines]'

# ---- reuse: A B C A A C: distances -, -, -, 2, 0, 1 ----
printf 'r %s 4 =1\n' 0x1000 0x1040 0x1080 0x1004 0x1000 0x1090 | trace reuse
analyses reuse reuse.egrm
says "reuse: distances" '[[0,1],[1,1],[2,1]]' '[.distances[] | [.from,.reads]]'
says "reuse: first uses" 3 .first.reads

# ---- cache: two lines of one set of a cache with one way, and with two ----
printf 'w %s 4 =1\n' 0x0000 0x0400 0x0000 0x0400 | trace conflict
analyses cache --level 1K:1:64 conflict.egrm
says "cache: direct-mapped, every access misses" '[4,4,3]' '.levels[0] | [.kernel.writes.uses,.kernel.writes.misses,.written_back]'
says "cache: memory" '[4,3]' '[.memory_lines_read,.memory_lines_written]'
analyses cache --level 1K:2:64 conflict.egrm
says "cache: two ways" '[4,2,0]' '.levels[0] | [.kernel.writes.uses,.kernel.writes.misses,.written_back]'
analyses cache --level 1K:1:64 --level 4K:2:64 conflict.egrm
says "cache: what level 1 gives away is in level 2" '[4,2,2,0]' \
    '[.levels[1].kernel.writes.uses,.levels[1].kernel.writes.misses,.memory_lines_read,.memory_lines_written]'
# A B A C A: LRU keeps A, FIFO throws it out for C.
printf 'r %s 4 =1 cpl=3\n' 0x0000 0x0400 0x0000 0x0800 0x0000 | trace policy
analyses cache --level 128:2:64:lru policy.egrm
says "cache: LRU" '[5,3]' '.levels[0].user.reads | [.uses,.misses]'
analyses cache --level 128:2:64:fifo policy.egrm
says "cache: FIFO" '[5,4]' '.levels[0].user.reads | [.uses,.misses]'
# Tree PLRU with four ways, A B C D E A B: E takes the place of A, A that of C (true LRU: of B); B is still there.
printf 'r %s 4 =1\n' 0x0000 0x0400 0x0800 0x0c00 0x1000 0x0000 0x0400 | trace plru
analyses cache --level 256:4:64:plru plru.egrm
says "cache: PLRU" 6 '.levels[0].kernel.reads.misses'
analyses cache --level 256:4:64 plru.egrm
says "cache: LRU where PLRU differs" 7 '.levels[0].kernel.reads.misses'
printf 'r 0x103e 4 =1\nr 0x1000 4 =1\nr 0x1040 4 =1\n' | trace straddle
analyses cache straddle.egrm
says "cache: an access in two lines is one" '[3,1]' '.levels[0].kernel.reads | [.uses,.misses]'

# ---- sharing ----
trace sharing <<'END'
set cpl=3 cr3=0x5000
w 0x1000 8 =1                    # true: written here, read by the other
w 0x2000 8 =1                    # false: each its own half
r 0x3000 8 =1                    # only read
w 0x4000 8 =1                    # private
set cr3=0x6000
r 0x1000 4 =1
w 0x2020 8 =1
r 0x3000 8 =1
set cpl=0
w 0x2030 4 =1
END
analyses sharing sharing.egrm
says "sharing: kinds of lines" '{"private":1,"read-shared":1,"true":1,"false":1}' .lines
says "sharing: the falsely shared line" '["0x2000",2,[["user","0x5000"],["user","0x6000"],["kernel",null]]]' \
    '.shared[] | select(.sharing == "false") | [.gpa,.handovers,[.by[] | [.who,.cr3]]]'
says "sharing: bytes" '["0xff","0xff00000000","0xf000000000000"]' '.shared[] | select(.sharing == "false") | [.by[].bytes_written]'

# ---- double fetch ----
kernel=0xffffffff81000000
trace fetch <<END
set cpl=3 cr3=0x5000 rip=0x400000
w 0x7000 8 =5
set cpl=0
r 0x7000 4 =5 rip=$kernel        # length, checked
r 0x7000 4 =5 rip=$((kernel + 16)) # and fetched again: planted
r 0x7008 8 =1 rip=$((kernel + 32)) # once: right
r 0xffff888000001000 8 =1 rip=$kernel # kernel memory, twice
r 0xffff888000001000 8 =1 rip=$kernel
set cpl=3
r 0x7000 4 =5
set cpl=0
r 0x7008 8 =1 rip=$((kernel + 32)) # the next system call: once as well
r 0x7010 4 =1 rip=$((kernel + 48))
w 0x7010 4 =2 rip=$((kernel + 52))
r 0x7012 2 =7 rip=$((kernel + 64)) # a part of it again, and changed
END
analyses double-fetch fetch.egrm
says "double-fetch: two pairs, the changed one first" '[["0x7012",2,1,1],["0x7000",4,1,0]]' \
    '[.pairs[] | [.gva,.bytes,.occurrences,.with_other_data]]'
says "double-fetch: where" '["0xffffffff81000000",1,"0xffffffff81000010",2]' \
    '.pairs[1] | [.first.rip,.first.event,.second.rip,.second.event]'
grep -v -e planted -e 'a part' <<END | trace single
set cpl=3 cr3=0x5000 rip=0x400000
w 0x7000 8 =5
set cpl=0
r 0x7000 4 =5 rip=$kernel
r 0x7004 4 =5 rip=$kernel
set cpl=3
r 0x7000 4 =5
set cpl=0
r 0x7000 4 =5 rip=$kernel
END
analyses double-fetch single.egrm
says "double-fetch: correct single fetches are none" '[3,[]]' '[.fetches,.pairs]'
trace lower <<'END'
set cpl=3 cr3=0x5000 rip=0x400000
w 0x7000 8 =5
set cpl=0 rip=0x1000000
r 0x7000 4 =5
r 0x7000 4 =5 rip=0x1000008
r 0x9000 4 =5                    # the kernel's own, in the same half
r 0x9000 4 =5
END
analyses double-fetch lower.egrm
says "double-fetch: user memory of a kernel in the lower half is what user code uses" '["0x7000"]' '[.pairs[].gva]'
analyses double-fetch --user 9000+1000 lower.egrm
says "double-fetch: --user" '["0x9000"]' '[.pairs[].gva]'

# ---- last-writer, memory ----
trace memory <<'END'
w 0x1000 8 =:0102030405060708 rip=0x10
w 0x1004 2 =0xbbaa rip=0x20
w 0x1ffe 4 =:f1f2f3f4 gpa2=0x9000 rip=0x30
r 0x2000 4 =0x2a
w 0x1000 1 =0xff rip=0x40 cpl=3
END
analyses last-writer 1000+8 memory.egrm
says "last-writer" '[["0x1000",1,4,"0x40",3],["0x1001",3,0,"0x10",0],["0x1004",2,1,"0x20",0],["0x1006",2,0,"0x10",0]]' \
    '[.writers[] | [.address,.bytes,.event,.rip,.cpl]]'
analyses last-writer --at 1 1000+8 memory.egrm
says "last-writer --at" '[["0x1000",8,0]]' '[.writers[] | [.address,.bytes,.event]]'
analyses last-writer 9000+4 memory.egrm
says "last-writer: the second page of an access; nobody" '[["0x9000",2,2],["0x9002",2,null]]' '[.writers[] | [.address,.bytes,.event]]'
analyses memory memory.egrm
says "memory: at the end" '{"0x1000":"ff020304aabb0708................","0x1ff0":"............................f1f2","0x2000":"2a000000........................","0x9000":"f3f4............................"}' \
    '[.memory[] | {key: .gpa, value: .bytes}] | from_entries'
analyses memory --at i:1 --range 1000+6 memory.egrm
says "memory: after one instruction, a range" '["010203040506...................."]' '[.memory[].bytes]'
"$engram" analyse memory --range 1000+8 --binary ram memory.egrm >out && [ "$(od -An -tx1 ram | tr -d ' ')" = ff020304aabb0708 ]
check "memory --binary"

# ---- silent stores ----
trace silent <<'END'
w 0x1000 4 =7 rip=0x10           # unknown what was there
w 0x1000 4 =7 rip=0x20           # silent
w 0x1000 2 =7 rip=0x20           # silent
w 0x1000 4 =8 rip=0x20
r 0x2000 4 =1
w 0x2000 4 =1 rip=0x30           # silent: it was read
w 0x1002 4 =0 rip=0x30           # a part is not known
END
analyses silent-stores silent.egrm
says "silent-stores" '[6,3,2]' '[.writes,.silent,.unknown]'
says "silent-stores: code" '[["0x20",2],["0x30",1]]' '[.code[] | [.rip,.silent]]'

# ---- diff ----
{ for i in $(seq 100); do echo "w $((0x1000 + i)) 1 =$((i % 7)) rip=$((0x40 + i % 5))"; done; } >text
trace a <text
{ head -n 50 text; echo 'w 0x9000 4 =1 rip=0x99'; tail -n +51 text | sed '20d'; } >other
trace b <other
exits 0 "$engram" analyse diff a.egrm a.egrm
check "diff: no difference"
exits 1 "$engram" analyse diff --json a.egrm b.egrm
check "diff: exit code"
says "diff: an access more, an access less" '[99,1,1,2,false]' '[.same,.only_first,.only_second,.differences,.parted_for_good]'
says "diff: where" '[[[],[50]],[[69],[]]]' '[.shown[] | [.first,.second]]'
sed 's/=[0-6] /=9 /' text >other
trace c <other
exits 1 "$engram" analyse diff --json a.egrm c.egrm
says "diff: other data everywhere" '[0,1,false]' '[.same,.differences,.parted_for_good]'
exits 0 "$engram" analyse diff --ignore data a.egrm c.egrm
check "diff --ignore data"
for i in $(seq 2000); do echo "r $((0x1000 + 16 * i)) 8 =$i"; done | tee text | trace long
sed '10,$s/^r/w/' text | trace other
exits 1 "$engram" analyse diff --json long.egrm other.egrm
says "diff: parted for good" '[9,1991,1991,true]' '[.same,.only_first,.only_second,.parted_for_good]'

# ---- pictures, usage ----
for name in top heatmap workingset reuse cache; do
    exits 0 "$engram" analyse $name --svg $name.svg top.egrm && grep -q '^<svg ' $name.svg && tail -n 1 $name.svg | grep -q '</svg>$'
    check "$name --svg"
done
if command -v rsvg-convert >/dev/null; then
    exits 0 "$engram" analyse heatmap --png heat.png top.egrm && [ "$(head -c 4 heat.png | tail -c 3)" = PNG ]
    check "heatmap --png"
fi
PATH=/nowhere exits 1 "$engram" analyse heatmap --png heat.png top.egrm && grep -q librsvg2-bin err
check "--png without its converter says what is missing"
for name in top heatmap workingset reuse cache sharing double-fetch memory silent-stores diff; do
    exits 0 "$engram" analyse $name --help && grep -q "^usage: engram analyse $name" out && grep -q '^examples:' out
    check "analyse $name --help"
done
for arguments in "" nonsense "top" "top --count x top.egrm" "top --by symbol top.egrm" "cache --level 3K:1:64 top.egrm" \
    "cache --jobs 2 top.egrm" "last-writer top.egrm" "last-writer 1000" "memory --binary x top.egrm" "diff a.egrm" \
    "top --part 1/2 top.egrm" "top --part 3/2 --save x top.egrm" "top --merge" "sharing --svg x top.egrm"; do
    # shellcheck disable=SC2086
    exits 2 "$engram" analyse $arguments && [ -s err ]
    check "usage error: analyse $arguments"
done
finish
