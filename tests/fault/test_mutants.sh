#!/usr/bin/env bash
# Engines that record one write of many wrongly or not at all (tests/fault/image/mutant.c): the replay proof says so,
# and so does the comparison with Bochs.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

export ENGRAM_ELF=$build/engram-faulty.elf
options="start=text:START stop=text:STOP"

run() { # ENGINE MUTANT OPTIONS GUEST ARGUMENTS: the mutant's name is the guest's, which both engines' mutants read
    if [ "$1" = vmx ]; then
        engram_run "$1.$2" "engine=vmx $options $3" "$guests/$4.elf" "$2 $5"
    else
        cp "$guests/$4.elf" "$work/$2"
        engram_qemu_run "$1.$2" "$options $3" "$work/$2" "$5"
    fi
}

for engine in vmx dbt; do
    for mutant in altered@4000 dropped@5000; do
        name=$engine.$mutant
        run $engine $mutant proof=pages scatter n=2000 # three writes each
        expect_line "$name: the proof fails" "^engram: proof: DIFFERS: [1-9][0-9]* bytes on 1 of" "$work/$name/console"
        expect_line "$name: it says where" "^engram: proof:   0x10[0-9a-f]*: expected [0-9a-f]{16}, found" \
            "$work/$name/console"
        expect_between "$name: PCI functions that could have done it" 0 8 "$(meta "$name" proof.bus_masters)"
        "$build/engram" prove "$work/$name/trace.egrm" >"$work/$name/prove" 2>&1
        expect "$name: engram prove" 1 $?
        expect_line "$name: and says so" "the proof DOES NOT HOLD" "$work/$name/prove"
    done
done

# All writes of the benchmark go to one place: the next one covers what is wrong. The VMX engine looks at what is there
# before each write; of the DBT engine's writes that the next ones cover the recorded reads tell.
run vmx altered@77 proof=on benchmark "t=48 u=100 n=10 warmup=100"
expect_line "vmx: a write that is covered" "expected 4c000000.*, found 4d000000.* before event 77; last written by event 76" \
    "$work/vmx.altered@77/console"
run dbt altered@88 "proof=on trace=rw" benchmark "t=48 u=100 n=10 warmup=100"
expect_line "dbt: a write or read that is covered" "DIFFERS: 0 bytes on 0 of [0-9]* pages, [1-9][0-9]* of [0-9]* reads" \
    "$work/dbt.altered@88/console"

# The oracle: the same guest, without Engram and under the mutants.
export DBT_HOST=$build/dbt-host-mutant
for mutant in altered@400 dropped@500; do
    cp "$guests/scatter.elf" "$work/$mutant"
    for engine in vmx dbt hosted; do
        MUTANT=$mutant GUEST_NAME=$mutant tests/oracle/oracle.sh "$work/$mutant" trace_from trace_to --cmdline n=200 \
            --engines $engine >"$work/oracle.$engine.$mutant" 2>&1
        expect "oracle, $engine, $mutant: a difference" 1 $?
        expect_line "oracle, $engine, $mutant: it is shown" "differ|missing|extra" "$work/oracle.$engine.$mutant"
    done
done
finish
