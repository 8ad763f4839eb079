#!/usr/bin/env bash
# Kernels as 64-bit ELF and as a flat image with addresses in the multiboot header (a.out kludge) run like ELF32 ones.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

check() { # NAME FILE
    engram_run "$1" "" "$2" guest
    expect_line "$1: console" '^STOP' "$work/$1/console"
    # 16 dwords, 16 down to 1.
    awk 'BEGIN { for (i = 16; i > 0; i--) printf "%02x000000\n", i }' >"$work/$1/expected"
    oracle_list "$1" | tail -n 16 | awk '{ print $5 }' >"$work/$1/data"
    expect_same "$1: data of the writes" "$work/$1/expected" "$work/$1/data"
}
check elf64 "$guests/elf64.elf"
check aout "$guests/aout.bin"
check elf32 "$guests/triplefault.elf"
finish
