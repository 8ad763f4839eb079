#!/usr/bin/env bash
# Engines that record one write of many wrongly or not at all (tests/fault/image/mutant.c): the replay proof says so,
# and so does the comparison with Bochs.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

export ENGRAM_ELF=$build/engram-faulty.elf
options="proof=pages start=text:START stop=text:STOP"
n=2000 # three writes each

run() { # ENGINE NAME: the mutant's name is the guest's, which both engines' mutants read
    if [ "$1" = vmx ]; then
        engram_run "$1.$2" "engine=vmx $options" "$guests/scatter.elf" "$2 n=$n"
    else
        cp "$guests/scatter.elf" "$work/$2"
        engram_qemu_run "$1.$2" "$options" "$work/$2" "n=$n"
    fi
}

for engine in vmx dbt; do
    for mutant in altered@4000 dropped@5000; do
        name=$engine.$mutant
        run $engine $mutant
        expect_line "$name: the proof fails" "^engram: proof: DIFFERS: [1-9][0-9]* bytes on 1 of" "$work/$name/console"
        expect_line "$name: it says where" "^engram: proof:   0x10[0-9a-f]*: expected [0-9a-f]{16}, found" \
            "$work/$name/console"
        "$build/engram" prove "$work/$name/trace.egrm" >"$work/$name/prove" 2>&1
        expect "$name: engram prove" 1 $?
        expect_line "$name: and says so" "the proof DOES NOT HOLD" "$work/$name/prove"
    done
done

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
