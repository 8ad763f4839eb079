#!/usr/bin/env bash
# Boots Engram with a guest in the best machine there is, receives the trace
# over the serial line, and shows what it holds. Set in the environment (or
# given to `make run`):
#
#   MACHINE=auto   kvm (Intel with nested VMX), bochs (emulated, with VMX) or qemu (emulated, without VMX);
#                  auto takes kvm where it is usable, else bochs
#   ENGINE=auto    vmx or dbt
#   GUEST=         a multiboot kernel; the built-in benchmark by default
#   CMDLINE=       the guest's arguments; "t=48 u=100 n=1000 warmup=1000000" for the benchmark
#   OPTIONS=       more of Engram's options, separated by blanks (docs/options.md)
#   TIMEOUT=300    seconds after which the machine is stopped
#
# Everything lies in build/run: trace.egrm, console.txt, the ISO, the machine's log.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/lib.sh
. "$here/lib.sh"
# shellcheck source=scripts/machine.sh
. "$here/machine.sh"
cd "$here/.."

build=${BUILD:-build}
engram=$build/engram
out=$build/run
trace=$out/trace.egrm
guest=${GUEST:-}
benchmark_defaults="t=48 u=100 n=1000 warmup=1000000"

# The thesis's figure for one run: a word `name=value` of the command line, or its default.
benchmark_value() { # NAME
    local word value
    for word in $benchmark_defaults $cmdline; do
        case $word in "$1="*) value=${word#*=} ;; esac
    done
    echo $((value))
}

machine=${MACHINE:-auto}
case $machine in
auto)
    if why=$(kvm_unusable); then
        machine=bochs
        say "machine: Bochs (not KVM: $why)"
    else
        machine=kvm
        say "machine: QEMU with KVM, whose guests have VMX"
    fi ;;
kvm)
    if why=$(kvm_unusable); then die "MACHINE=kvm: $why"; fi
    say "machine: QEMU with KVM" ;;
bochs) say "machine: Bochs" ;;
qemu) say "machine: QEMU without KVM: it has no VMX" ;;
*) die "MACHINE=$machine: it is auto, kvm, bochs or qemu" ;;
esac

# ---- the ISO: options a word each, quoted, for GRUB ----

options=("engine=${ENGINE:-auto}" after=poweroff)
if [ -n "$guest" ]; then
    [ -r "$guest" ] || die "GUEST=$guest cannot be read"
    cmdline=${CMDLINE:-}
else
    cmdline=${CMDLINE:-$benchmark_defaults}
    options+=(start=text:START stop=text:STOP "args=$cmdline")
fi
if [ "$machine" = bochs ]; then options+=(dump-wait=300); fi # the emulated seconds are shorter than ours
for word in ${OPTIONS:-}; do
    # What the user says stands instead of what is said here.
    kept=()
    for option in "${options[@]}"; do [ "${option%%=*}" = "${word%%=*}" ] || kept+=("$option"); done
    options=(${kept[@]+"${kept[@]}"} "$word")
done

rm -rf "$out"
mkdir -p "$out"
{
    printf 'set timeout=0\nmultiboot2 /boot/engram.elf'
    printf ' "%s"' "${options[@]}"
    printf '\n'
    [ -z "$guest" ] || printf 'module2 /boot/guest %s %s\n' "$(basename "$guest")" "$cmdline"
    printf 'boot\n'
} >"$out/grub.cfg"
ISO_FIRMWARE=bios "$here/mkiso.sh" "$out/run.iso" "$build/engram.elf" "$out/grub.cfg" ${guest:+"$guest=guest"}

# ---- the machine, in the background; it ends with this script ----

machine_pid= socket=
# shellcheck disable=SC2317 # called by the trap
stop_machine() {
    [ -z "$machine_pid" ] || kill "$machine_pid" 2>/dev/null || true
    [ -z "$socket" ] || rm -f "$socket"
}
trap stop_machine EXIT

case $machine in
bochs)
    port=$(free_port)
    line=tcp:127.0.0.1:$port
    write_bochsrc "$out/bochsrc" "$out/run.iso" "mode=socket-server, dev=localhost:$port"
    printf 'c\n' >"$out/continue.rc"
    timeout "${TIMEOUT:-300}" "$here/bochs.sh" -q -f "$out/bochsrc" -rc "$out/continue.rc" \
        >"$out/machine.log" 2>&1 </dev/null & ;;
kvm | qemu)
    socket=$(mktemp -u "${TMPDIR:-/tmp}/engram-XXXXXX.sock")
    line=unix:$socket
    accelerator=()
    if [ "$machine" = kvm ]; then accelerator=(-enable-kvm -cpu host); fi
    timeout "${TIMEOUT:-300}" qemu-system-x86_64 "${accelerator[@]}" -m 512 -cdrom "$out/run.iso" -boot d \
        -display none -monitor none -no-reboot -serial "unix:$socket,server=on,wait=on" \
        >"$out/machine.log" 2>&1 </dev/null & ;;
esac
machine_pid=$!

# ---- the trace ----

code=0
timeout "${TIMEOUT:-300}" "$engram" recv -o "$trace" "$line" </dev/null | tee "$out/console.txt" || code=$?
if [ ! -s "$trace" ]; then
    tail -n 5 "$out/machine.log" >&2
    die "no trace arrived: see $out/console.txt and $out/machine.log"
fi
[ "$code" = 0 ] || say "the dump did not arrive whole: what did is in $trace"

printf '\n'
"$engram" info "$trace" || code=1
printf '\nFirst events:\n'
"$engram" print --count 10 "$trace" || code=1

# The benchmark's number of writes is known beforehand.
if [ -z "$guest" ] && [[ " ${OPTIONS:-}" != *" start="* && " ${OPTIONS:-}" != *" stop="* ]]; then
    expected=$(($(benchmark_value t) * $(benchmark_value n)))
    got=$("$engram" info --json "$trace" | grep -oP '"meta":.*?"events":"\K[0-9]+' || echo none)
    u=$(benchmark_value u)
    printf '\nWrites between START and STOP: %s recorded, %s by calculation (t·n): %s\n' "$got" "$expected" \
        "$([ "$got" = "$expected" ] && echo "the same" || echo "NOT THE SAME")"
    printf 'Share of writing instructions: %s/(5+5·%s) = %s%%\n' "$(benchmark_value t)" "$u" \
        "$(awk -v t="$(benchmark_value t)" -v u="$u" 'BEGIN { printf "%.2f", 100 * t / (5 + 5 * u) }')"
    [ "$got" = "$expected" ] || code=1
fi
printf '\nThe trace: %s\n' "$trace"
exit "$code"
