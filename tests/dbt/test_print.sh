#!/usr/bin/env bash
# A block can be printed: guest code, side table, recorded accesses, translated code, ways out.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
require_cpu bmi2 "translated code uses it"

guest=$guests/benchmark.elf
write=$(symbol_address "$guest" write_instruction)
"$build/dbt-host" trace=w print=$((write - 1)) counters=1 "$guest" t=48 u=100 n=100 warmup=1000 >/dev/null 2>"$work/print"
expect_line "the block" "^block $(printf 0x%x $((write - 1))) mode .*: 20 instructions, 8 guest bytes" "$work/print"
expect_line "guest code" "^    $write  8907  mov \[edi\], eax$" "$work/print"
expect "what it records" 4 "$(grep -c '^        write of 4 bytes: in the record address+0 at 8, data at' "$work/print")"
expect_line "translated code" "\+[0-9]+ +mov \[r12\], eax$" "$work/print"
expect_line "the TLB by name" "gs:\[r13\*8\+tlb\.write\]" "$work/print"
expect_line "a way out" "exit 0x[0-9a-f]+: TLB miss of a write of 4 bytes" "$work/print"
expect_line "another" "exit 0x[0-9a-f]+: branch to 0x[0-9a-f]+, linked" "$work/print"
expect "one block only" 1 "$(grep -c ^block "$work/print")"
"$build/dbt-host" trace=w print=0 "$guest" t=48 u=100 n=100 warmup=1000 >/dev/null 2>"$work/all"
expect_between "all blocks" 30 1000 "$(grep -c ^block "$work/all")"
expect_no_line "what is no instruction" "no instruction" "$work/all"
finish
