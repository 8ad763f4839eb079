# The emulated machines that Engram and its guests run on; sourced, after lib.sh.
# shellcheck shell=bash

machine_scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# write_bochsrc FILE ISO COM1...: a PC that boots ISO. COM1 is what stands behind `com1: enabled=1,`:
# `mode=file, dev=PATH` or `mode=socket-server, dev=HOST:PORT`.
#
# BOCHS_CPU (corei7_icelake_u), BOCHS_MEGS (256), BOCHS_BIOS and BOCHS_IPS may be set. IPS is how many instructions
# make a second of the machine's time, not of ours: a low number makes the serial line and the timer
# cheap to wait for (at 115200 baud a byte takes 87 µs: 170 instructions at the default of 2 million).
write_bochsrc() {
    local file=$1 iso=$2 root share
    shift 2
    root=$("$machine_scripts/fetch.sh" bochs | tail -n 1)
    share=${root%/}/usr/share
    local vga=$share/vgabios/vgabios.bin
    [ -e "$vga" ] || vga=$share/bochs/VGABIOS-lgpl-latest
    cat >"$file" <<EOF
display_library: rfb, options="timeout=0"
romimage: file=${BOCHS_BIOS:-$share/bochs/BIOS-bochs-latest}
vgaromimage: file=$vga
cpu: model=${BOCHS_CPU:-corei7_icelake_u}, count=1, ips=${BOCHS_IPS:-2000000}, reset_on_triple_fault=${BOCHS_RESET_ON_TRIPLE_FAULT:-1}
memory: guest=${BOCHS_MEGS:-256}, host=${BOCHS_MEGS:-256}
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path="$iso", status=inserted
boot: cdrom
com1: enabled=1, $*
log: $file.log
clock: sync=none, time0=1700000000
panic: action=fatal
EOF
}

# The CPU model with which QEMU starts under KVM here: `host`, or qemu64 where a KVM without hardware virtualization
# refuses that. Fails where there is no KVM that can be used.
kvm_cpu() {
    local model
    [ -w /dev/kvm ] || return 1
    for model in host qemu64; do
        timeout 20 qemu-system-x86_64 -enable-kvm -cpu $model -nodefaults -display none -S -monitor stdio \
            <<<quit >/dev/null 2>&1 || continue
        echo $model
        return
    done
    return 1
}

# kvm_machine CPU SECONDS SERIAL OPTIONS [MODULE]...: becomes Engram under KVM, with OPTIONS as its command line; a MODULE
# is a file and its string. Booted by `-kernel`: where KVM emulates CPL 0 and real mode, GRUB takes more than a minute.
kvm_machine() {
    local cpu=$1 seconds=$2 serial=$3 options=$4 modules
    shift 4
    modules=$(printf '%s\n' "$@" | sed 's/,/,,/g' | paste -sd,)
    exec timeout "$seconds" qemu-system-x86_64 -enable-kvm -cpu "$cpu" -m "${MEGS:-256}" -nodefaults -display none -no-reboot \
        -serial "file:$serial" -kernel "${ENGRAM_ELF:-build/engram.elf}" -append "$options" ${modules:+-initrd "$modules"}
}

# wait_for_machine PID LOG: until it ends. At an instruction that KVM's emulator does not know QEMU prints its bytes and
# stands still: then it is ended.
wait_for_machine() {
    while kill -0 "$1" 2>/dev/null; do
        if grep -q 'KVM internal error' "$2"; then kill "$1" 2>/dev/null; fi
        sleep 0.2
    done
    wait "$1"
}

# The address of a symbol: symbol_address FILE.elf NAME-or-0xADDRESS
symbol_address() {
    local address
    case $2 in
    0x*) echo "$2"; return ;;
    esac
    address=$(nm "$1" | awk -v name="$2" '$3 == name { print $1; exit }')
    [ -n "$address" ] || die "$1 has no symbol $2: give one of its symbols or an address as 0x..."
    printf '0x%x\n' "0x$address"
}

# A TCP port of this machine that nobody listens on, and that no other caller gets: a file that only one can create stands
# for each, for a day. Below the ports that the system itself gives away.
free_port() {
    local port taken
    taken=${TMPDIR:-/tmp}/engram-ports-$(id -u)
    mkdir -p "$taken"
    find "$taken" -type f -mmin +1440 -delete
    while :; do
        port=$((20000 + RANDOM % 12000))
        (set -o noclobber && : >"$taken/$port") 2>/dev/null || continue
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
}
