#!/usr/bin/env bash
# A kernel with a planted double fetch (guest/fetch.asm): it is found, with and without a race, and the system call
# that fetches once is not reported.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/lib.sh"

exits 0 "$root/build/dbt-host" trace=rw ring=16 out=fetch.egrm "$guests/fetch.elf" turns=10
check "the guest"
analyses double-fetch --symbols "$guests/fetch.elf" fetch.egrm
says "both pairs, the raced one first" '[["raced_check","raced_use",10,10],["twice_check","twice_use",10,0]]' \
    '[.pairs[] | [.first.symbol,.second.symbol,.occurrences,.with_other_data]]'
says "four bytes each, at the message" '[["0x8000004000",4],["0x8000004000",4]]' '[.pairs[] | [.gva,.bytes]]'
# Each turn: the length 1 + 2 + 2 times, and of the messages 16, 16 and 7 bytes.
says "every fetch is seen" 440 .fetches
finish
