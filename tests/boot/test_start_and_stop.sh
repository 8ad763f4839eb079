#!/usr/bin/env bash
# start= and stop= cut the recording where they say: at an address, at a text on the console, after a number of events.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

guest=$guests/benchmark.elf
args="guest t=10 u=20 n=50 warmup=1000"

# shellcheck disable=SC2046 # two words
engram_run addresses "$(region "$guest" trace_from trace_to)" "$guest" "$args"
expect "between two addresses" 500 "$(oracle_list addresses | wc -l)"
expect_line "the reason names the address" "engram: stop=rip:0x.* was reached" "$work/addresses/console"
expect_no_line "the guest goes no further" "^STOP" "$work/addresses/console"

engram_run texts "start=text:START stop=text:STOP" "$guest" "$args"
expect "between two texts" 500 "$(oracle_list texts | wc -l)"

engram_run events "start=text:START stop=events:123" "$guest" "$args"
expect "a number of events" 123 "$(oracle_list events | wc -l)"

OPTION_WORDS=("start=text:ART" "stop=text:turns 20 sum 210")
engram_run blanks "" "$guests/storm.elf" "guest writes=20 storm=0"
expect_line "a text with blanks" "engram: stop=text:turns 20 sum 210 was reached" "$work/blanks/console"
OPTION_WORDS=()

# Without either: from the first instruction to the guest's end.
engram_run whole "" "$guest" "$args"
expect_between "from boot to the end: more than the benchmark's own" 510 5000 "$(oracle_list whole | wc -l)"
expect_line "the guest comes to its end" "^STOP" "$work/whole/console"
finish
