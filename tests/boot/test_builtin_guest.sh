#!/usr/bin/env bash
# Without a module the built-in benchmark runs, with args= as its command line.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
OPTION_WORDS=("args=t=7 u=10 n=11 warmup=10")
engram_run builtin "start=text:START stop=text:STOP"
expect_line "the console says BOOT" "^BOOT" "$work/builtin/console"
expect "events" 77 "$(meta builtin events)"
expect_line "the engine is named" "engine vmx" "$work/builtin/console"
finish
