#!/usr/bin/env bash
# A ring larger than memory allows is an error that says the largest possible, and that size then works.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

RUN_SECONDS=20 engram_run large "ring=4G" "$guests/hang.elf" guest
expect_line "the error names ring=" "engram: error: .*ring=.*largest possible is ring=[0-9]+K" "$work/large/console"
largest=$(grep -aoP 'largest possible is ring=\K[0-9]+K' "$work/large/console")
RUN_SECONDS=20 engram_run largest "ring=${largest:-1M} timeout=2" "$guests/triplefault.elf" guest
expect_line "the largest possible is taken" "engram: ring \(wrap\) at 0x" "$work/largest/console"
expect_line "the guest has room beside it" "the guest triple-faulted" "$work/largest/console"
expect_no_line "the largest possible is no error" "error: ring=" "$work/largest/console"
finish
