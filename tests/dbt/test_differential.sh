#!/usr/bin/env bash
# Random instruction sequences, translated against the real CPU: first those that once differed, then COUNT= new ones
# from SEED= on.
. "$(dirname "$0")/../lib.sh"
require_cpu bmi2 "translated code uses it"
require_cpu fsgsbase "the native run sets segment bases with it"
seed=${SEED:-1}
printf 'seeds from %s on\n' "$seed"
timeout 500 "$build/dbt-differential" cases=tests/dbt/differential.cases "${COUNT:-60000}" "$seed"
code=$?
[ "$code" != 77 ] || skip "the kernel does not let programs set segment bases"
expect "every sequence ends as on the CPU" 0 $code
finish
