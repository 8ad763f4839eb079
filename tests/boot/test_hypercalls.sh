#!/usr/bin/env bash
# What guest/hypercall.asm asks for by hypercall is what is recorded, under both engines; wrong calls do nothing but say
# so; who is not to be heard gets #UD.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# ENGINE NAME OPTIONS
run() {
    if [ "$1" = vmx ]; then
        engram_run "$1.$2" "engine=vmx $3" "$guests/hypercall.elf" guest
    else
        engram_qemu_run "$1.$2" "$3" "$guests/hypercall.elf"
    fi
}

# The values written to `data`, and the marks, in their order.
written() {
    "$build/engram" print --events --gva "$data-$data" "$work/$1/trace.egrm" |
        sed -nE 's/.* = 0x0*([0-9a-f]*) rip .*/\1/p; s/.*# mark \(hypercall\): (.*)/\1/p'
}

data=$(symbol_address "$guests/hypercall.elf" data)
data=${data#0x}
for engine in vmx dbt; do
    run $engine heard start=hypercall
    expect_line "$engine: what the calls returned" '^5 0 0 3 3 1 1 0 0 0 0 3 0 0 0 $' \
        <(tr -d '\r' <"$work/$engine.heard/console")
    # The query says version 1, recording, writes; so far there were the writes 2, 3, 5, 7 and 9.
    expect "$engine: what is recorded" "2 from the guest 3 5 7 9 501 5" "$(written $engine.heard | paste -sd' ')"
    run $engine from_mark "start=mark:\"from the guest\""
    expect "$engine: recorded from a mark on" "from the guest 2 from the guest 3 5 7 9 501 5" \
        "$(written $engine.from_mark | paste -sd' ')"
    run $engine to_mark "start=hypercall stop=mark:\"from the guest\""
    expect_line "$engine: a mark ends the run" 'stop=mark:from the guest was reached' "$work/$engine.to_mark/console"
    expect "$engine: recorded up to a mark" "2 from the guest" "$(written $engine.to_mark | paste -sd' ')"
    run $engine deaf "start=hypercall hypercalls=off"
    expect_line "$engine: off" 'triple' "$work/$engine.deaf/console"
    run $engine kernel "start=hypercall hypercalls=kernel"
    expect_line "$engine: CPL 0" DONE "$work/$engine.kernel/console"
done
finish
