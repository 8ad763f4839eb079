#!/usr/bin/env bash
# The replay proof in the machine, under both engines: it holds over runs longer than the ring, console, META and `engram
# prove` say so, and where it does not apply that is said.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

run() { # ENGINE NAME OPTIONS GUEST ARGUMENTS
    if [ "$1" = vmx ]; then
        engram_run "$1.$2" "engine=vmx $3" "$guests/$4.elf" "guest $5"
    else
        engram_qemu_run "$1.$2" "$3" "$guests/$4.elf" "$5"
    fi
}
holds() { # NAME WRITES
    expect_line "$1: the proof holds" "^engram: proof: holds: memory is what it was and $2 recorded writes" \
        "$work/$1/console"
    expect "$1: in META" "holds copy" "$(meta "$1" proof) $(meta "$1" proof.by)"
    expect "$1: all is compared" 0 "$(meta "$1" proof.outside)"
}
prove() { "$build/engram" prove "$work/$1/trace.egrm" >"$work/$1/prove" 2>&1; }

for engine in vmx dbt; do
    # A MiB of memory that a ring of 256 KiB cannot tell of.
    run $engine scatter "proof=on ring=256K start=text:START stop=text:STOP" scatter n=20000
    holds $engine.scatter 60000
    expect_between "$engine: pages written" 256 257 "$(meta $engine.scatter proof.written_pages)"
    expect_between "$engine: segments that were overwritten" 1 1000 "$(meta $engine.scatter first_sequence)"

    run $engine pages "proof=pages start=text:START stop=text:STOP" scatter n=2000
    holds $engine.pages 6000
    prove $engine.pages
    expect "$engine: engram prove" 0 $?
    expect_line "$engine: engram prove says so" "the proof holds" "$work/$engine.pages/prove"

    run $engine filter "proof=on filter-cpl=kernel stop=text:STOP" scatter n=20
    expect_line "$engine: with a filter" "^engram: proof: does not apply: a filter" "$work/$engine.filter/console"
    run $engine stop "proof=on ring=256K ring-mode=stop start=text:START stop=text:STOP" scatter n=40000
    expect_line "$engine: with losses" "^engram: proof: does not apply: events were lost" "$work/$engine.stop/console"
    run $engine never "proof=on start=text:NEVER" scatter n=20
    expect_line "$engine: never started" "^engram: proof: does not apply: recording never started" \
        "$work/$engine.never/console"
    # What is recorded behind the limit is applied, and not in the trace.
    run $engine limit "proof=on start=text:START stop=events:3000" scatter n=20000
    expect "$engine: with a limit" holds "$(meta $engine.limit proof)"
done

# A machine without room for a copy. The file tells more: what pages hold that were all zero can be replayed.
QEMU_MEGS=112 run dbt digests "proof=on ring=256K start=text:START stop=text:STOP" scatter n=2000
expect_line "dbt: without room" "^engram: proof: holds as far as digests tell" "$work/dbt.digests/console"
expect "dbt: without room, in META" "holds digests 256" \
    "$(meta dbt.digests proof) $(meta dbt.digests proof.by) $(meta dbt.digests proof.unproved_pages)"
prove dbt.digests
expect "dbt: without room, engram prove" 0 $?
expect_line "dbt: all pages are told" "^  agree  *256 " "$work/dbt.digests/prove"

# Paging, interrupts and user code, from the first instruction on; reads as well.
run dbt paging "proof=on trace=rw stop=text:STOP" paging64 turns=5
expect "dbt: a guest with paging" holds "$(meta dbt.paging proof)"
expect_between "dbt: reads" 1000 100000000 "$(meta dbt.paging proof.reads)"
run dbt mix "proof=on ring=1M stop=text:STOP" mix "n=3"
expect "dbt: mix" holds "$(meta dbt.mix proof)"
expect_between "dbt: mix: writes" 1000000 1000000000 "$(meta dbt.mix proof.writes)"
finish
