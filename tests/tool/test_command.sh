#!/usr/bin/env bash
# The command `engram` as a user meets it: lines of every kind, damage, resuming, filters, exit codes.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/lib.sh"

# on a socket that the sender listens on: over_socket NAME SENDER-ARGUMENTS...
over_socket() {
    local name=$1
    shift
    socat "UNIX-LISTEN:$name" "EXEC:$sender${*:+ $*}" 2>/dev/null &
    listener=$!
}

# ---- one-way ----
"$sender" file=good wait=1 </dev/null >capture
exits 0 "$engram" recv -o whole capture && cmp good whole && [ ! -e whole.part ]
check "a capture file gives the file"
grep -q "guest says hello" out
check "console text goes to standard output"
exits 0 "$engram" recv --console text -o whole2 - <capture && grep -q hello text && cmp good whole2
check "standard input, console to a file"
exits 0 "$engram" recv -o piped < <(cat capture) && cmp good piped
check "a pipe"

cp capture growing
head -c 3000 capture >growing
(sleep 0.5; tail -c +3001 capture >>growing) &
exits 0 "$engram" recv --follow -o followed growing && cmp good followed
check "a file that grows, with --follow"
wait

"$sender" wait=1 events=200000 damage=2 seed=5 </dev/null >damaged
"$sender" wait=2 events=200000 damage=1000 seed=6 </dev/null >heavy
"$sender" wait=2 events=200000 damage=1000 seed=7 slots=3 </dev/null >wrapped_heavy
exits 1 "$engram" recv -o holes damaged && grep -q "NOT whole" err && grep -q "events [0-9]* to [0-9]* ([0-9]*), segment" err
check "a damaged capture names the missing events"
readable=$("$engram" print --format oracle holes 2>/dev/null | wc -l)
sum=$(sed -n 's/^    events* [0-9]* to [0-9]* (\([0-9]*\)), .*/\1/p' err | awk '{n += $1} END {print n}')
[ $((readable + ${sum:-0})) = 200000 ]
check "readable ($readable) and missing (${sum:-?}) events are all events"
# missing: how many events recv names as missing; what the ring overwrote is not among them
missing() { sed -n 's/^    events* [0-9]* to [0-9]* (\([0-9]*\)), .*: [^o].*/\1/p' err | awk '{n += $1} END {print n + 0}'; }
exits 1 "$engram" recv -o lost heavy && grep -q "sent: 200,000 events, 0 up to (not including) 200000" err &&
    grep -q "readable: 0 events in 0 segments of 200,000 recorded" err && grep -q "missing: 200,000 events" err &&
    grep -q "META and END" err && [ "$(missing)" = 200000 ]
check "one-way at 1%: no event arrives, and all are named as missing"
last=$(grep -o "events [0-9]* to 199999 ([0-9]*)" err)
for command in info verify print; do
    exits 1 "$engram" $command lost && cat out err | grep -q "$last"
    check "$command knows it from the map beside the file"
done
exits 1 "$engram" info --json lost && grep -q '"dump":{"run":"feedc0de00000001","first_event":0,"end_event":200000}' out &&
    grep -o '"gaps":.*' out | grep -q '"end_event":200000,' && ! grep -o '"gaps":.*' out | grep -q '"end_event":null'
check "info --json says so too"
cp lost.part map
for line in 's/^length .*/length 17/' 's/^events .*/events 5 4/' '/^events/d' 's/^run .*/run x/'; do
    sed "$line" map >lost.part
    exits 1 "$engram" verify lost && ! grep -q 199999 out
    check "a map is not believed: $line"
done
exits 1 "$engram" recv -o wrapped wrapped_heavy && grep -q "readable: 0 events" err &&
    first=$(sed -n 's/^  sent: .* events, \([0-9]*\) up to .* 200000$/\1/p' err) && [ "${first:-0}" -gt 0 ] &&
    grep -q "^    events 0 to $((first - 1)) ($first), segments .*: overwritten" err &&
    [ "$(missing)" = $((200000 - first)) ]
check "one-way at 1%, a wrapped ring: what was overwritten and what is missing"

# ---- a run that is sent while it goes on ----
"$sender" events=200000 wait=1 file=long </dev/null >/dev/null
"$engram" print --format oracle long >expected
"$sender" events=200000 slots=4 drain=1 wait=1 </dev/null >stream
exits 0 "$engram" recv -o streamed stream && grep -q "guest says hello" out && exits 0 "$engram" verify streamed &&
    "$engram" print --format oracle streamed | cmp - expected
check "a stream of a ring that is smaller gives all of it"
bytes=$(stat -c %s stream)
head -c $((bytes / 2)) stream >half
tail -c +$((bytes / 2 + 1)) stream >rest
exits 1 "$engram" recv -o parts half && grep -q "holds the run as far as it was sent" err && grep -q '^grows [0-9]*$' parts.part
check "the line breaks in mid-run: what has arrived is kept"
exits 1 "$engram" info parts && grep -q "the run goes on" out
check "and can be read"
cp parts kept && cp parts.part kept.part
exits 0 "$engram" recv -o parts stream && grep -q "resuming run" err && [ ! -e parts.part ] &&
    "$engram" print --format oracle parts | cmp - expected
check "received again from the beginning"
exits 1 "$engram" recv -o kept rest && grep -q "resuming run" err
kept=$("$engram" print --format oracle kept 2>/dev/null | wc -l)
[ "$kept" -gt 180000 ]
check "received on from the middle: all but the frame that was cut ($kept events)"
over_socket s0 events=200000 slots=4 drain=1 wait=30 damage=10 seed=4
exits 1 "$engram" recv -o gone unix:s0 && grep -q "cannot be sent again" err
check "a damaged stream: what the ring no longer holds is said to be missing"
wait "$listener"
[ $(($("$engram" print --format oracle gone 2>/dev/null | wc -l) + $(missing))) = 200000 ]
check "readable and missing events are all events"

# ---- two-way ----
over_socket s1
exits 0 "$engram" recv -o sock unix:s1 && cmp good sock
check "a socket"
wait "$listener"

over_socket s2 damage=1000 seed=3 wait=30
exits 0 "$engram" recv -o lossy unix:s2 && cmp good lossy && grep -q "requests for missing parts" err
check "1% of the bytes damaged both ways: arrives whole"
wait "$listener"

socat "PTY,link=tty,raw,echo=0,wait-slave" "EXEC:$sender wait=10,pty,raw,echo=0" 2>/dev/null &
listener=$!
for _ in $(seq 50); do [ -e tty ] && break; sleep 0.1; done
exits 0 "$engram" recv -o overtty --baud 921600 tty && cmp good overtty
check "a tty"
kill "$listener" 2>/dev/null; wait "$listener" 2>/dev/null

over_socket s3 cut=40000
exits 1 "$engram" recv -o broken unix:s3 && [ -e broken.part ] && grep -q "start the same command again" err
check "a line that breaks leaves a file and its map"
cp broken.part map
over_socket s4 damage=100 seed=9 wait=20
exits 0 "$engram" recv -o broken unix:s4 && cmp good broken && [ ! -e broken.part ] && grep -q resuming err
check "and the next try resumes it"
cp map other.part; sed -i 's/^run .*/run 0000000000000007/' other.part; head -c 1000 good >other
exits 0 "$engram" recv -o other capture && cmp good other && [ -e other.0000000000000007 ] && grep -q "another run" err
check "a partial dump of another run is moved aside"
echo nonsense >garbled.part
exits 0 "$engram" recv -o garbled capture && cmp good garbled && grep -q "no readable map" err
check "a garbled map is said and not used"

# ---- what is no dump ----
head -c 50000 /dev/urandom >random
exits 1 "$engram" recv -o nothing random && grep -q "no dump came" err && [ ! -e nothing ]
check "random bytes are no dump, and touch no file"
exits 1 "$engram" recv -o nothing --timeout 1 < <(sleep 3) && grep -q "no dump came" err
check "--timeout ends a silent line"
exits 1 "$engram" recv -o nothing missing-file && grep -q "cannot open missing-file" err
check "a source that is not there"
exits 1 "$engram" recv -o small --max-size 1K capture && grep -q "max-size" err && [ ! -e small ]
check "a dump that is too long"
exits 1 "$engram" recv -o /nonexistent/file capture && grep -q "/nonexistent/file" err
check "a file that cannot be written"

# ---- info, print, verify ----
exits 0 "$engram" verify good && grep -q "sound, 20,000 events" out
check "verify"
exits 0 "$engram" info good && grep -q "exits for recording .* 1.000 per traced write" out && grep -q "2.000000 s" out
check "info"
exits 0 "$engram" info --json good && grep -q '"accesses":{"count":20000,"w":{"count":20000,"bytes":80000' out
check "info --json"
exits 0 "$engram" print --from 100 --count 3 good && [ "$(wc -l <out)" = 3 ] && grep -q "^ *100 w  4 gva 0000000000400190 gpa 000000100190 = 0x" out
check "print --from --count"
exits 0 "$engram" print --gva 400102-400103 --json good && [ "$(wc -l <out)" = 2 ] && ! grep -v '"gva":"0x400100"' out
check "print: an access that overlaps the range matches"
exits 0 "$engram" print --gpa 100000+4 --kind w --cause instruction --rip 100000-10ffff good && [ "$(wc -l <out)" = 2 ]
check "print: filters together"
exits 0 "$engram" print --kind r good && [ ! -s out ]
check "print --kind r"
exits 0 "$engram" print --events --count 12 good && grep -q 'mark (hypercall): ten \\x1b\[31mred' out
check "print --events, and no trace drives the terminal"
exits 1 "$engram" verify capture
check "a capture is no trace file"
exits 1 "$engram" info random && exits 1 "$engram" print random && [ ! -s out ]
check "a foreign file"
: >empty
exits 1 "$engram" verify empty
check "an empty file"

for arguments in "" "nonsense" "print" "print --kind x good" "print --gva 5-3 good" "info" "info good good" "verify --bad good" \
    "recv --baud 7 tty" "recv --max-size x tty" "recv a b"; do
    # shellcheck disable=SC2086
    exits 2 "$engram" $arguments && [ -s err ] && [ ! -s out ]
    check "usage error: engram $arguments"
done
for command in "" recv info print verify prove analyse report convert split index; do
    # shellcheck disable=SC2086
    exits 0 "$engram" $command --help && grep -q "usage: engram" out && grep -qi "exit code" out
    check "help: engram $command --help"
done
finish
