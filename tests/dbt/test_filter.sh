#!/usr/bin/env bash
# A filter records exactly what of the whole trace passes, in the same order, with the same data and instruction
# counts, and counts the rest: by address (whole pages and parts, guest-physical and linear), by privilege level, by
# CR3, together; in every mode of the processor, with faults, self-modifying code, interrupts and REPs on the way.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
require_cpu bmi2 "translated code uses it"

# run NAME OPTIONS GUEST...: its trace; accesses as lines without their numbers.
run() {
    local name=$1 filter=$2
    shift 2
    # shellcheck disable=SC2086
    timeout 120 "$build/dbt-host" "trace=$trace" ring=256 out="$work/$name.egrm" $filter "$@" >/dev/null 2>"$work/$name.engine"
    "$build/engram" print "$work/$name.egrm" | cut -c11- >"$work/$name.list"
    "$build/engram" info --json "$work/$name.egrm" >"$work/$name.info"
}
number() { grep -oP "\"$2\": ?\"?\K[0-9]+" "$work/$1.info" | head -n 1; }

# What of a list passes: as awk's condition over gva, gpa, size, cpl, cr3 and walk.
passing() { # CONDITION LIST
    awk "
    function number(s,    i, n) {
        for (i = 1; i <= length(s); i++) n = n * 16 + index(\"0123456789abcdef\", substr(s, i, 1)) - 1
        return n
    }
    function in_range(at, n, first, last) { return at <= last && at + n > first }
    # On two pages \"gpa A,B\" has the second page's address.
    function in_gpa(first, last,    a, part) {
        a = number(pa[1])
        part = 4096 - a % 4096
        if (pas == 1 || part >= size) part = size
        return in_range(a, part, first, last) || (pas == 2 && in_range(number(pa[2]), size - part, first, last))
    }
    {
        size = \$2; gva = number(\$4); pas = split(\$6, pa, \",\")
        for (i = 7; i < NF; i++) { if (\$i == \"cpl\") cpl = \$(i + 1); if (\$i == \"cr3\") cr3 = \$(i + 1) }
        walk = / page-walk/
    }
    $1" "$2"
}

compare() { # NAME FILTER CONDITION GUEST...
    local name=$1 filter=$2 condition=$3
    shift 3
    run filtered "$filter" "$@"
    passing "$condition" "$work/$name.list" >"$work/expected.list"
    expect_same "$name $filter" "$work/expected.list" "$work/filtered.list"
    expect "$name $filter: recorded" "$(wc -l <"$work/expected.list")" "$(number filtered events)"
    expect "$name $filter: filtered" $(($(wc -l <"$work/$name.list") - $(wc -l <"$work/expected.list"))) \
        "$(number filtered filtered)"
    printf '%s, %s: %s of %s accesses\n' "$name" "$filter" "$(wc -l <"$work/expected.list")" "$(wc -l <"$work/$name.list")"
}

# The page that the most accesses are to (in the lower half: awk's numbers are not exact at the top).
busiest() { # gva|gpa LIST
    awk -v "field=$([ "$1" = gva ] && echo 4 || echo 6)" '{ print substr($field, 1, length($field) - 3) }' "$2" |
        grep -v '^f\|,' | sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }'
}

while read -r trace name guest arguments; do
    # shellcheck disable=SC2086
    run "$name" "" "$build/$guest" $arguments
    expect "$name: lost" 0 "$(number "$name" lost)"
    for kind in gva gpa; do
        page=$((16#$(busiest $kind "$work/$name.list") << 12))
        # shellcheck disable=SC2086
        {
            compare "$name" "filter-$kind=$page+4096" \
                "$([ $kind = gva ] && echo "!walk && in_range(gva, size, $page, $page + 4095)" || echo "in_gpa($page, $page + 4095)")" \
                "$build/$guest" $arguments
            first=$((page + 1021)) last=$((page + 3333))
            compare "$name" "filter-$kind=0x10-0x20,$first-$last" \
                "$([ $kind = gva ] && echo "!walk && (in_range(gva, size, 16, 32) || in_range(gva, size, $first, $last))" ||
                    echo "in_gpa(16, 32) || in_gpa($first, $last)")" "$build/$guest" $arguments
        }
    done
    # shellcheck disable=SC2086
    compare "$name" "filter-cpl=kernel" "cpl != 3" "$build/$guest" $arguments
    # shellcheck disable=SC2086
    compare "$name" "filter-cpl=3" "cpl == 3" "$build/$guest" $arguments
    cr3=$(grep -oP ' cr3 \K[0-9a-f]+' "$work/$name.list" | sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }')
    # shellcheck disable=SC2086
    compare "$name" "filter-cr3=0x$cr3 filter-cpl=0,1 filter-gpa=0-0x10ff77f" \
        "cr3 == \"$cr3\" && cpl < 2 && in_gpa(0, 17823615)" "$build/$guest" $arguments
done <<'GUESTS'
w behaviours tests/dbt/behaviours.elf
rw mix guest/mix.elf n=1 parts=list
rw paging64 guest/paging64.elf turns=30
rw system64 guest/system64.elf
rw smc tests/dbt/smc.elf
GUESTS

"$build/dbt-host" filter-gpa=5-4 "$guests/benchmark.elf" >"$work/error" 2>&1
expect "a wrong range: exit code" 2 $?
expect_line "a wrong range: an error" "^dbt-host: filter-gpa=5-4: a range ends behind its beginning$" "$work/error"
finish
