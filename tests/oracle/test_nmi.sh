#!/usr/bin/env bash
# NMIs interrupt the guest where they do without Engram, and leave the same frames. Writes to the local APIC are MMIO,
# which Engram does not record: as --handler they are set aside.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
tests/oracle/oracle.sh "$guests/nmi.elf" trace_from trace_to --handler 0xfee00000-0xfee01000 >"$work/log" 2>&1
expect "oracle for nmi" 0 $?
tail -n 12 "$work/log"
finish
