#!/usr/bin/env bash
# How long the Linux guest takes from its start to power-off: under plain QEMU, under QEMU with the recording plugin, and
# under Engram's DBT engine with all writes recorded, in QEMU and, where there is a KVM, under that. Under Engram time
# counts from Engram's first line, as what comes before is firmware; QEMU's some tenths of a second for its own firmware
# count. To build/bench/linux.tsv.
#
#   WORDS='work=1'   of the kernel's command line (guest/linux/init)
#   ROUNDS=1
#   PEERS='qemu plugin-w dbt-w dbt-w-kvm'
#   RING=16M         Engram's
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
# shellcheck source=scripts/machine.sh
. scripts/machine.sh
rounds=${ROUNDS:-1}
# shellcheck source=tests/bench/peer.sh
. tests/bench/peer.sh

kernel=build/linux/vmlinuz initrd=build/linux/initrd out=build/bench/linux.tsv
words="console=ttyS0 nokaslr panic=-1 quiet ${WORDS:-work=1}"
common=(-m 512 -nodefaults -display none -monitor none -no-reboot -serial stdio)

# seconds_from start|line COMMAND...: from its start, or from its first line, until the guest has switched the machine off;
# - if it has not.
seconds_from() {
    local line pid first='' last='' reached=''
    [ "$1" = line ] || first=$EPOCHREALTIME
    shift
    coproc MACHINE { exec timeout 900 "$@" 2>$log </dev/null; }
    pid=$MACHINE_PID
    while IFS= read -r line <&"${MACHINE[0]}"; do
        last=$EPOCHREALTIME
        first=${first:-$last}
        case $line in
        *'engram: the guest switched the machine off'*) kill "$pid" 2>/dev/null || true; break ;;
        *'reboot: Power down'*) reached=1 ;;
        *'DONE '*) reached=1 ;;
        esac
    done 2>/dev/null
    wait "$pid" 2>/dev/null || true
    [ -n "$reached" ] && awk -v a="$first" -v b="$last" 'BEGIN { printf "%.1f\n", b - a }' || echo -
}

modules="$kernel $words,$initrd"
run() {
    case $1 in
    qemu) seconds_from start "${qemu_root}qemu-system-x86_64" "${firmware[@]}" -cpu max "${common[@]}" -kernel $kernel \
        -initrd $initrd -append "$words" ;;
    plugin-w) seconds_from start "${qemu_root}qemu-system-x86_64" "${firmware[@]}" -cpu max "${common[@]}" -kernel $kernel \
        -initrd $initrd -append "$words" -plugin "$plugin,kinds=w,ring=256" ;;
    dbt-w) seconds_from line "${qemu_root}qemu-system-x86_64" "${firmware[@]}" -cpu max "${common[@]}" \
        -kernel build/engram.elf -append "engine=dbt ring=${RING:-16M}" -initrd "$modules" ;;
    dbt-w-kvm) seconds_from line qemu-system-x86_64 -enable-kvm -cpu "$kvm" "${common[@]}" -kernel build/engram.elf \
        -append "engine=dbt ring=${RING:-16M}" -initrd "$modules" ;;
    esac
}

read -ra peers <<<"${PEERS:-qemu plugin-w dbt-w}"
kvm=$(kvm_cpu) || kvm=
if [ -z "${PEERS:-}" ] && [ -n "$kvm" ]; then peers+=(dbt-w-kvm); fi
say "linux ($words): ${peers[*]}; QEMU $version"
mkdir -p build/bench
printf '#round\tpeer\tseconds\n' >$out
for ((round = 1; round <= rounds; round++)); do
    for peer in "${peers[@]}"; do
        printf '%s\t%s\t%s\n' $round "$peer" "$(run "$peer")" | tee -a $out
    done
done
