#!/usr/bin/env bash
# The code that is emitted for single guest instructions is what tests/dbt/pinned_code.txt says: an extra load or a stray
# flag save shows in review. `make pin` writes the text anew after a change that was meant.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

"$build/pin" "$build/pins.bin" >"$work/got" 2>"$work/errors"
expect "exit code" 0 $?
expect "errors" "" "$(cat "$work/errors")"
expect_same "emitted code (if the change was meant: make pin)" tests/dbt/pinned_code.txt "$work/got"
expect_between "instructions" 100 1000 "$(grep -c '^[^ ].* flags ' tests/dbt/pinned_code.txt)"
"$build/pin" "$build/pins.bin" >"$work/again"
expect_same "nothing of a run shows" "$work/got" "$work/again"
finish
