#!/usr/bin/env bash
# What `make run` does: boots Engram on the best machine there is, receives the
# dump over its serial line and shows what the trace holds. Variables:
#
#   MACHINE=auto|kvm|bochs|qemu   auto takes KVM where it has VMX, else Bochs; for ENGINE=dbt QEMU without KVM;
#                                 with ENGINE=dbt kvm is any KVM, one without hardware virtualization too
#   ENGINE=auto|vmx|dbt           passed on as engine=
#   GUEST=FILE                    a multiboot kernel or a Linux bzImage; without it the built-in benchmark; `linux` is
#                                 Debian's kernel with the work of guest/linux/init
#   CMDLINE=ARGUMENTS             of the guest
#   MODULES=FILES                 the guest's modules; of a Linux kernel, its initrd
#   MEGS=256                      the machine's memory in MiB (512 for GUEST=linux)
#   OPTIONS=WORDS                 more options of Engram (docs/options.md)
#   RUN_SECONDS=600               how long the machine may take
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
# shellcheck source=scripts/machine.sh
. scripts/machine.sh

machine=${MACHINE:-auto} engine=${ENGINE:-auto} guest=${GUEST:-} seconds=${RUN_SECONDS:-600}
modules=(${MODULES:-})
if [ "$guest" = linux ]; then
    guest=build/linux/vmlinuz
    modules=(build/linux/initrd "${modules[@]}")
    CMDLINE="console=ttyS0 nokaslr panic=-1${CMDLINE:+ $CMDLINE}"
    MEGS=${MEGS:-512}
    # Linux does not come up on Bochs's newer models. At this many instructions a second its clock and its timer keep
    # about the pace that they have on a real machine.
    BOCHS_CPU=${BOCHS_CPU:-broadwell_ult} BOCHS_IPS=${BOCHS_IPS:-100000000}
fi
export MEGS=${MEGS:-256}
BOCHS_MEGS=$MEGS
work=$root/build/run
trace=build/run/trace.egrm
for file in ${guest:+"$guest"} "${modules[@]}"; do [ -r "$file" ] || die "$file cannot be read"; done

kvm_has_vmx() {
    [ -w /dev/kvm ] && grep -qw vmx /proc/cpuinfo && grep -qE '^(Y|1)' /sys/module/kvm_intel/parameters/nested 2>/dev/null
}

case $machine in
auto)
    if [ "$engine" = dbt ]; then machine=qemu why="the DBT engine needs no VMX"
    elif kvm_has_vmx; then machine=kvm why="the CPU has VMX and KVM hands it on"
    else machine=bochs why="an emulator that has VMX; there is no nested VMX under KVM here"; fi ;;
kvm)
    if kvm_has_vmx; then why="the CPU has VMX and KVM hands it on"
    elif [ "$engine" != dbt ]; then
        die "MACHINE=kvm needs an Intel CPU, write access to /dev/kvm and kvm_intel with nested=1; use MACHINE=bochs, or ENGINE=dbt, which takes any KVM"
    else
        cpu=$(kvm_cpu) || die "MACHINE=kvm needs write access to a /dev/kvm with which QEMU starts; use MACHINE=qemu"
        case $cpu in
        host) why="without VMX in it, which the DBT engine does not need" ;;
        *) machine=software-kvm why="a KVM without hardware virtualization: CPL 3, where the DBT engine works, runs on the CPU; CPL 0 is emulated" ;;
        esac
    fi ;;
bochs | qemu) why="as told" ;;
*) die "MACHINE=$machine: it is auto, kvm, bochs or qemu" ;;
esac

# ---- what is booted ---------------------------------------------------------

# The benchmark is traced between the lines that it prints around its work, as in the thesis.
benchmark=
if [ -z "$guest" ] || [ "$(basename "$guest" .elf)" = benchmark ]; then
    benchmark=1
    CMDLINE=${CMDLINE:-t=48 u=100 n=1000 warmup=1000}
    OPTIONS="start=text:START stop=text:STOP${OPTIONS:+ $OPTIONS}"
fi

# words NAME=VALUE...: in quotes where there are blanks, as GRUB takes them; a name given twice counts once, the last.
options=(after=poweroff dump-wait=2 "engine=$engine")
for word in ${OPTIONS:-}; do
    kept=()
    for old in "${options[@]}"; do [ "${old%%=*}" = "${word%%=*}" ] || kept+=("$old"); done
    options=("${kept[@]}" "$word")
done
[ -n "$guest" ] || options+=("args=${CMDLINE:-}")

rm -rf "$work"
mkdir -p "$work"
arguments=$(basename "$guest")${CMDLINE:+ $CMDLINE}
quoted_options() { printf ' "%s"' "${options[@]}"; }
make_iso() {
    {
        printf 'set timeout=0\nmultiboot2 /boot/engram.elf%s' "$(quoted_options)"
        [ -z "$guest" ] || printf '\nmodule2 /boot/guest %s' "$arguments"
        for file in "${modules[@]}"; do printf '\nmodule2 /boot/%s %s' "$(basename "$file")" "$(basename "$file")"; done
        printf '\nboot\n'
    } >"$work/grub.cfg"
    ISO_FIRMWARE=bios scripts/mkiso.sh "$work/engram.iso" build/engram.elf "$work/grub.cfg" ${guest:+"$guest=guest"} \
        "${modules[@]}"
}
[ "$machine" = software-kvm ] || make_iso

# ---- the machine ------------------------------------------------------------

start_machine() {
    case $machine in
    bochs)
        write_bochsrc "$work/bochsrc" "$work/engram.iso" "mode=file, dev=$work/serial"
        exec timeout "$seconds" scripts/bochs.sh -q -f "$work/bochsrc" ;;
    kvm)
        exec timeout "$seconds" qemu-system-x86_64 -enable-kvm -cpu host -m "$MEGS" -display none -monitor none -no-reboot \
            -cdrom "$work/engram.iso" -serial "file:$work/serial" ;;
    software-kvm)
        kvm_machine "$cpu" "$seconds" "$work/serial" "$(quoted_options)" ${guest:+"$guest${CMDLINE:+ $CMDLINE}"} "${modules[@]}" ;;
    qemu)
        # Translated code needs BMI2, which QEMU's default CPU does not have.
        exec timeout "$seconds" qemu-system-x86_64 -cpu max -m "$MEGS" -display none -monitor none -no-reboot \
            -cdrom "$work/engram.iso" -serial "file:$work/serial" ;;
    esac
}

say "machine $machine: $why"
say "guest ${guest:-built-in benchmark}${CMDLINE:+ ($CMDLINE)}; options: ${options[*]}"
touch "$work/serial" "$work/machine.log"
start_machine >"$work/machine.log" 2>&1 </dev/null &
machine_pid=$!
build/engram recv --follow -o "$trace" "$work/serial" &
recv_pid=$!
trap 'kill $machine_pid $recv_pid 2>/dev/null || true' EXIT

wait_for_machine $machine_pid "$work/machine.log" 2>/dev/null || machine_code=$?
# Bochs ends with code 1 when its guest switches it off.
[ "${machine_code:-0}" != 124 ] || say "the machine was still running after $seconds seconds and was stopped (RUN_SECONDS=)"
for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 $recv_pid 2>/dev/null || break; sleep 0.3; done
kill $recv_pid 2>/dev/null || true
wait $recv_pid 2>/dev/null || recv_code=$?
trap - EXIT
[ -s "$trace" ] || die "no trace came over the serial line (console above, machine's log in build/run/machine.log)"
[ "${recv_code:-0}" = 0 ] || die "the dump is not whole: see above; what arrived is in $trace"

# ---- the result -------------------------------------------------------------

number() { grep -oP "\"$1\":\"?\K[0-9]+" <<<"$info" | head -n 1; }
value_of_text() { grep -oP "\"$1\":\"\K[^\"]+" <<<"$info" | head -n 1; }
value_of() { grep -oE "(^| )$1=[0-9]+" <<<" $CMDLINE" | grep -oE '[0-9]+$' || echo "$2"; }

printf '\n'
build/engram info "$trace"
printf '\nfirst events\n'
build/engram print --count 8 "$trace"
printf '\n'
info=$(build/engram info --json "$trace")
if [ -n "$benchmark" ] && [[ $(value_of_text trace) == *w* ]]; then
    t=$(value_of t 48) u=$(value_of u 100) n=$(value_of n 1000)
    writes=$(grep -oP '"w":\{"count":\K[0-9]+' <<<"$info") lost=$(number lost)
    writes=${writes:-0}
    expected=$((t * n))
    verdict=exact
    if [ "$lost" != 0 ]; then verdict="$lost accesses did not fit into the ring"
    elif [ "$writes" != "$expected" ]; then verdict=WRONG; fi
    printf 'writes traced   %s\nwrites expected %s   t*n = %s*%s, a share of t/(5+5u) = %s/%s of all instructions: %s\n' \
        "$writes" "$expected" "$t" "$n" "$t" $((5 + 5 * u)) "$verdict"
fi
printf 'trace file      %s   (build/engram print %s)\n' "$trace" "$trace"
[ "${verdict:-exact}" != WRONG ]
