#!/usr/bin/env bash
# Code that writes code: the new instructions run at once.
. "$(dirname "$0")/../lib.sh"
timeout 60 "$build/dbt-host" trace=rw "out=$work/trace.egrm" "$build/tests/dbt/smc.elf" >"$work/console" 2>"$work/engine"
cat >"$work/expected" <<'END'
same block 22222222
other block 44444444
chained block 0000000f
loop 0000000f
data beside code 000013ba
string 55555555
END
expect_same "what ran" "$work/expected" "$work/console"
"$build/engram" verify "$work/trace.egrm" >"$work/verify" 2>&1
expect "engram verify" 0 $?
finish
