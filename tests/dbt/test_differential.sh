#!/usr/bin/env bash
# Random instruction sequences, translated against the real CPU. SEED= and COUNT= choose others.
. "$(dirname "$0")/../lib.sh"
seed=${SEED:-1}
printf 'seeds from %s on\n' "$seed"
timeout 300 "$build/dbt-differential" "${COUNT:-20000}" "$seed"
expect "every sequence ends as on the CPU" 0 $?
finish
