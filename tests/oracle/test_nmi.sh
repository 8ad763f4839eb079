#!/usr/bin/env bash
# NMIs interrupt the guest where they do without Engram, and leave the same frames. Writes to the local APIC are MMIO,
# which Engram does not record: as --handler they are set aside.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
guest=$guests/nmi.elf
rm -rf "$build"/run-tests/oracle-nmi-*
tests/oracle/oracle.sh "$guest" trace_from trace_to --handler 0xfee00000-0xfee01000 >"$work/log" 2>&1
expect "oracle for nmi" 0 $?
tail -n 12 "$work/log"

# The DBT engine may deliver one some instructions later, and one that waits may take up another (docs/engines.md): what
# the program itself writes is the same, and no handler is interrupted by another.
native=$(echo "$build"/run-tests/oracle-nmi-*/native.list)
engram_qemu_run dbt "$(region "$guest" trace_from trace_to)" "$guest"
oracle_list dbt --kind w >"$work/dbt.list"
hex() { printf '%x' "$(symbol_address "$guest" "$1")"; }
writes() { # FILE FROM TO: addresses, fixed in width
    awk -v from="$2" -v to="$3" '$1 == "W" && length($2) == length(from) && $2 >= from && $2 < to' "$1"
}
compare() { # WHAT FROM TO
    writes "$native" "$2" "$3" >"$work/expected"
    writes "$work/dbt.list" "$2" "$3" >"$work/got"
    expect_between "nmi: $1, how many" 1 100 "$(wc -l <"$work/expected")"
    expect_same "nmi: $1" "$work/expected" "$work/got"
}
compare "the program's data" "$(hex data)" "$(hex count)"
end_of_soft_count=$(printf '%x' $(($(symbol_address "$guest" soft_count) + 4)))
compare "the software interrupt's handler" "$(hex soft_count)" "$end_of_soft_count"
compare "an NMI waits for the handler of another" "$(hex in_handler)" "$(hex soft_count)"
expect_between "nmi: NMIs that came" 2 7 "$(writes "$work/dbt.list" "$(hex count)" "$(hex send_again)" | wc -l)"
finish
