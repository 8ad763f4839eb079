#!/usr/bin/env bash
# A guest gets a correct multiboot information structure: command line, modules with theirs and their content, loader
# name, and a memory map without Engram's memory. From Multiboot 1 and 2 alike.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

printf 'first module of the guest' >"$work/one"
printf 'second' >"$work/two"

check() {
    local name=multiboot$1
    BOOT_PROTOCOL=$1 engram_run "$name" "ring=4M" "$guests/mbinfo.elf" "guest alpha beta=1" \
        "$work/one" "one first words" "$work/two" "two"
    local console=$work/$name/console
    expect_line "$name: magic" '^magic 2badb002' "$console"
    expect_line "$name: command line" '^cmdline (.* )?alpha beta=1' "$console"
    expect_line "$name: first module's command line" '^module 0x[0-9a-f]+ 0x[0-9a-f]+ .*first words' "$console"
    expect_line "$name: second module's command line" '^module 0x[0-9a-f]+ 0x[0-9a-f]+ .*two' "$console"
    expect "$name: modules" 2 "$(grep -ac '^module ' "$console")"
    # The first four bytes of each, as printed: "firs", "seco".
    expect_line "$name: first module's content" '^content 66697273' "$console"
    expect_line "$name: second module's content" '^content 7365636f' "$console"
    expect_line "$name: loader" '^loader Engram' "$console"
    expect_line "$name: the end is reached" '^end' "$console"
    # No RAM range of the guest's map touches what Engram hides.
    local start end
    grep -aoP 'engram: (hypervisor|ring \(\w+\)) at 0x\K[0-9a-f]+-0x[0-9a-f]+' "$console" >"$work/$name/hidden"
    expect "$name: hidden ranges" 2 "$(wc -l <"$work/$name/hidden")"
    while IFS=- read -r start end; do
        local overlaps=0 base length type
        while read -r _ base length type; do
            if [ "$((type))" = 1 ] && ((base < end && 0x$start < base + length)); then
                overlaps=$((overlaps + 1))
            fi
        done < <(grep -a '^map ' "$console" | tr -d '\r')
        expect "$name: RAM ranges that overlap hidden $start-$end" 0 "$overlaps"
    done <"$work/$name/hidden"
    # 256 MiB without some 20 MiB.
    local ram
    ram=$(grep -a '^map ' "$console" | tr -d '\r' | while read -r _ _ length type; do
        [ "$type" != 1 ] || echo $((length))
    done | awk '{ s += $1 } END { print int(s / 1048576) }')
    expect_between "$name: MiB of RAM left" 200 255 "$ram"
}
check 2
check 1
finish
