#!/usr/bin/env bash
# The replay proof over hosted runs: memory at the end is what it was at the start with the recorded writes applied, and
# every recorded read found what was written before it; in rings of any size, far longer than they are. Where it does
# not apply it says so, and one write recorded wrongly makes it fail.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
require_cpu bmi2 "translated code uses it"

hosted() { # NAME "OPTIONS" GUEST-FILE ARGUMENTS...
    local name=$1 options=$2 guest=$3
    shift 3
    mkdir -p "$work/$name"
    # shellcheck disable=SC2086 # words
    timeout "${RUN_SECONDS:-200}" "${DBT_HOST:-$build/dbt-host}" "out=$work/$name/trace.egrm" $options "$guest" "$@" \
        >"$work/$name/console" 2>"$work/$name/engine"
}
holds() { # NAME
    expect_line "$1: the proof holds" "^dbt-host: proof: holds: .* [1-9][0-9]* recorded writes" "$work/$1/engine"
    expect "$1: in META" holds "$(meta "$1" proof)"
}

# ---- guests of every kind, from their first instruction to their last ----

guest_runs() { # OPTIONS
    hosted mix "$1" "$guests/mix.elf" n=5
    hosted mix32 "$1" "$guests/mix32.elf" n=1
    hosted storm "$1" "$guests/storm.elf" writes=2000 count=30 trap=1
    hosted rewrite "$1" "$guests/rewrite.elf" n=20000 paged=1
    hosted behaviours "$1" "$build/tests/dbt/behaviours.elf"
    hosted tables "$1" "$guests/tables.elf"
    hosted unusual "$1" "$guests/unusual.elf"
    hosted system64 "$1" "$guests/system64.elf"
    hosted paging64 "$1" "$guests/paging64.elf" turns=5
    hosted crossing "$1" "$guests/crossing.elf"
    for name in mix mix32 storm rewrite behaviours tables unusual system64 paging64 crossing; do
        holds "$name"
        expect "$name: writes outside of RAM" 0 "$(meta "$name" proof.outside)"
    done
}
guest_runs "trace=w proof=on ring=1 ring.mode=wrap"
expect_between "mix: far more events than the ring holds" $((10 * $(stat -c %s "$work/mix/trace.egrm"))) 1000000000 \
    "$(($(meta mix events) * 8))"
guest_runs "trace=rw proof=on ring=64 ring.mode=wrap"
expect_between "mix: reads held against the copy" 1000000 1000000000 "$(meta mix proof.reads)"

# A run that records from one place to another, and code caches and dictionaries that begin anew.
hosted part "trace=w proof=on start=START stop=STOP ring=1 ring.mode=wrap cache=256" "$guests/rewrite.elf" n=20000
holds part

# ---- what the file tells ----

prove() { # NAME: engram prove, its exit code in $code
    code=0
    "$build/engram" prove --json "$work/$1/trace.egrm" >"$work/$1/prove" 2>&1 || code=$?
}
told() { grep -oP "\"$2\":\K[0-9a-z]+" "$work/$1/prove" | head -n 1; } # NAME KEY

hosted pages "trace=w proof=pages ring=256" "$guests/mix.elf" n=1 parts=sort,list,table
prove pages
expect "pages: engram prove" 0 "$code"
expect "pages: it holds" true "$(told pages holds)"
expect "pages: all writes" "$(meta pages proof.writes)" "$(told pages writes)"
expect "pages: all pages are told" 0 "$(told pages untold)"
expect "pages: written pages agree" "$(meta pages proof.written_pages)" "$(told pages agree)"
expect "pages: verify" 0 "$("$build/engram" verify "$work/pages/trace.egrm" >/dev/null 2>&1; echo $?)"

hosted on "trace=rw proof=on ring=256" "$guests/mix.elf" n=1 parts=list
prove on
expect "on: engram prove" 0 "$code"
expect "on: pages whose start is not known" "$(($(meta on proof.written_pages) - $(told on agree)))" "$(told on untold)"
expect_between "on: reads" 1000 100000000 "$(told on reads)"

hosted digests "trace=w proof=digests ring=64 ring.mode=wrap" "$guests/mix.elf" n=1 parts=list
expect_line "digests: as far as they tell" "^dbt-host: proof: holds as far as digests tell" "$work/digests/engine"
expect "digests: written pages are not proved" "$(meta digests proof.written_pages)" \
    "$(meta digests proof.unproved_pages)"

# ---- where it does not apply ----

void() { # NAME WHY
    expect_line "$1: it does not apply" "^dbt-host: proof: does not apply: $2" "$work/$1/engine"
    expect "$1: in META" void "$(meta "$1" proof)"
    prove "$1"
    expect "$1: engram prove" 1 "$code"
}
list=("$guests/mix.elf" n=1 parts=list)
hosted reads "trace=r proof=on" "${list[@]}"
void reads "writes are not recorded"
hosted filter "trace=w proof=on filter-cpl=0" "${list[@]}"
void filter "a filter keeps writes out"
hosted full "trace=rw proof=on ring=1" "$guests/mix.elf" n=1
void full "events were lost"
hosted wrapped "trace=rw proof=on ring=1 ring.mode=wrap" "$guests/mix.elf" n=1
holds wrapped
prove wrapped
expect "wrapped: engram prove has not all writes" 1 "$code"
expect_line "wrapped: and says so" "it is not whole" "$work/wrapped/prove"
hosted none "trace=w" "${list[@]}"
prove none
expect_line "without proof=" "not recorded with proof=on" "$work/none/prove"

# ---- one write recorded wrongly ----

export DBT_HOST=$build/dbt-host-mutant
for n in 97000 98001 98999; do
    for how in altered dropped; do
        name=$how$n
        MUTANT=$how@$n hosted $name "trace=w proof=pages ring=256 start=START stop=STOP" "$guests/scatter.elf" n=33000
        expect_line "$name: the proof fails" "^dbt-host: proof: DIFFERS: [1-9][0-9]* bytes on 1 of" "$work/$name/engine"
        expect_line "$name: it says where" "proof:   0x10[0-9a-f]*: expected [0-9a-f]{16}, found [0-9a-f]{16}; last" \
            "$work/$name/engine"
        prove $name
        expect "$name: engram prove" "1 false" "$code $(told $name holds)"
        expect "$name: engram verify" 1 "$("$build/engram" verify "$work/$name/trace.egrm" >/dev/null 2>&1; echo $?)"
    done
done
MUTANT='' hosted sound "trace=w proof=on start=START stop=STOP" "$guests/scatter.elf" n=33000
holds sound
finish
