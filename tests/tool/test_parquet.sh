#!/usr/bin/env bash
# Parquet read back by DuckDB: every column of every row is what `print` says.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/lib.sh"

duckdb=$("$root/scripts/fetch.sh" duckdb 2>err | tail -n 1)
[ -d "${duckdb:-/nonexistent}" ] || { echo "skipped: no DuckDB: $(tail -n 1 err)"; exit 77; }
# asks NAME EXPECTED QUERY
asks() {
    local got
    got=$(node "$root/tests/tool/duckdb.mjs" "$duckdb" "$3" 2>&1)
    if [ "$got" = "$2" ]; then passed=$((passed + 1)); return; fi
    printf 'FAIL  %s\n      expected: %s\n      got:      %s\n' "$1" "$2" "$got"
    failed=$((failed + 1))
}

# More rows than a page of 65536 and (mix) a row group of 1048576; more different values than a dictionary takes.
awk 'BEGIN {
    srand(3)
    for (i = 0; i < 150000; i++) {
        printf "w %d 8 =%d rip=%d cpl=%d +%d\n", 4096 + i * 8, int(rand() * 1000000000) * i, 4096 + i % 70000, i % 2 * 3, i % 5
        if (i % 1000 == 0) printf "r %d 32 =:%064d rep +0\nr %d 4 cause=interrupt vector=%d\n", 8192 * i, i, 8192 * i + 4094, i % 256
    }
}' | "$mktrace" slots=256 slot=65536 many.egrm
"$root/build/dbt-host" trace=rw ring=256 out=mix.egrm "$guests/mix.elf" n=2 >/dev/null 2>&1
"$root/build/dbt-host" trace=rw ring=64 out=paging.egrm "$guests/paging64.elf" turns=3 >/dev/null 2>&1
"$mktrace" empty.egrm </dev/null

for name in many mix paging empty; do
    exits 0 "$engram" convert parquet -o $name.parquet $name.egrm
    check "convert parquet $name"
    exits 0 "$engram" convert csv -o $name.csv $name.egrm
    rows=$(($(wc -l <$name.csv) - 1))
    asks "$name: $rows rows" "[[\"$rows\"]]" "select count(*) from '$name.parquet'"
    # CSV holds what `print` prints (test_convert.sh). `bytes` has a number's bytes in memory order.
    asks "$name: every column of every row" '[["0"]]' "
        with hex as (select *, printf('%016x', value) as h from '$name.parquet'),
        p as (select event, icount, kind, size, printf('0x%x', gva) as gva, printf('0x%x', gpa) as gpa, printf('0x%x', gpa2) as gpa2,
            coalesce(lower(hex(data)), left(h[15:16] || h[13:14] || h[11:12] || h[9:10] || h[7:8] || h[5:6] || h[3:4] || h[1:2],
                2 * size::int)) as bytes,
            printf('0x%x', rip) as rip, printf('0x%x', cr3) as cr3, cpl, mode, paging, cause, vector, mmio, locked, rep from hex)
        select count(*) from (select columns(*)::varchar from p except all
            select event, icount, kind, size, gva, gpa, gpa2, data, rip, cr3, cpl, mode,
                (paging = '1')::varchar, cause, vector, (mmio = '1')::varchar, (locked = '1')::varchar, (rep = '1')::varchar
            from read_csv('$name.csv', header=true, all_varchar=true))"
done
asks "two row groups, each with the limits of its instruction counts" '[["2",true]]' "
    select count(*), bool_and(low = (select min(icount) from 'mix.parquet' where event between first and last) and
        high = (select max(icount) from 'mix.parquet' where event between first and last)) from (
      select any_value(stats_min_value::ubigint) filter (path_in_schema = 'icount') as low,
        any_value(stats_max_value::ubigint) filter (path_in_schema = 'icount') as high,
        any_value(stats_min_value::ubigint) filter (path_in_schema = 'event') as first,
        any_value(stats_max_value::ubigint) filter (path_in_schema = 'event') as last
      from parquet_metadata('mix.parquet') group by row_group_id)"
asks "where the file comes from" '[["text"]]' \
    "select decode(value) from parquet_kv_metadata('many.parquet') where decode(key) = 'engram.guest'"
finish
