#!/usr/bin/env bash
# Compares what Engram records with what Bochs itself sees: the same guest, run
# without Engram under Bochs's debugger, must make the same accesses.
#
#     oracle.sh GUEST.elf FROM TO [--cmdline "ARGUMENTS"] [--handler LO-HI] [--counter LO-HI] [--walks]
#               [--walk-reads] [--engines "vmx dbt hosted"]
#
# FROM and TO are symbols or 0x addresses of the guest: the accesses from the
# first execution of FROM until TO is about to be executed are compared, event
# by event: addresses, size, data, order. --handler and --counter are for guests
# with the timer on (see listcmp.c); their bounds may be symbols too. --walks
# compares what page walks write as well (see docs/testing.md), --walk-reads what
# they read, too, of all engines but VMX. The guest
# must be a multiboot 1 kernel whose FROM is not executed by GRUB itself (guests
# at 16 MiB are safe), and identity-mapped or unpaged where FROM and TO lie.
#
# --engines: vmx (the default) is Engram in Bochs recording writes, vmx-rw the same
# recording reads as well, dbt its DBT engine in QEMU, hosted that engine as a Linux
# process; of the last three the reads are compared too unless there is a timer.
# ENGINE=dbt puts the DBT engine in Bochs in the place of vmx. HOSTED_OPTIONS are for
# hosted, DBT_HOST is another program in its place, GUEST_NAME the name under which
# Engram in Bochs knows the guest. BOCHS_EDIT is a sed script for Bochs's list, where
# that is not what the SDM says.
#
# Prints the number of accesses compared or the first difference side by side.
# What was compared stays below build/run-tests/. ORACLE_NATIVE_ONLY=1 stops
# after the run without Engram. Exit code 0: the same.
# Its own folder for every comparison, so that several can run at once.
TEST_NAME=oracle-$(basename "${1:-}" .elf)-$$
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

usage() {
    die "usage: oracle.sh GUEST.elf FROM TO [--cmdline ARGUMENTS] [--handler LO-HI] [--counter LO-HI] [--walks]" \
        "[--walk-reads] [--engines WORDS]"
}

[ $# -ge 3 ] || usage
guest=$1 from=$2 to=$3
shift 3
[ -r "$guest" ] || die "oracle: cannot read $guest"
cmdline=
compare=() counter=()
walks= walk_reads=
engines=vmx
address_range() { # LO-HI in symbols or addresses
    local lo hi
    lo=$(symbol_address "$guest" "${1%%-*}") && hi=$(symbol_address "$guest" "${1#*-}") || exit 1
    printf '%x-%x' "$lo" "$hi"
}
while [ $# -gt 0 ]; do
    if [ "$1" = --walks ]; then
        walks=1
        shift
        continue
    fi
    if [ "$1" = --walk-reads ]; then
        walks=1 walk_reads=on
        shift
        continue
    fi
    case $1 in
    --cmdline) cmdline=${2-} ;;
    --engines) engines=${2-} ;;
    --handler) range=$(address_range "${2-}") && compare=("$1" "$range") || exit 1 ;;
    --counter) range=$(address_range "${2-}") && counter=("$1" "$range") || exit 1 ;;
    *) usage ;;
    esac
    shift 2 || usage
done
from=$(symbol_address "$guest" "$from") && to=$(symbol_address "$guest" "$to") || exit 1

native_run native "$guest" "$cmdline" "pb $from
pb $to
c
trace on
trace-mem on
c" || die "oracle: the run without Engram did not end well: see $work/native/debugger"
[ "$(grep -c '^(0) Breakpoint' "$work/native/debugger")" = 2 ] ||
    die "oracle: without Engram the guest did not come from $from to $to: see $work/native"
# native_list OPTIONS OF bochs2list...
native_list() {
    "$build/bin/bochs2list" "$@" ${walks:+-w} <"$work/native/debugger" | sed -E "${BOCHS_EDIT:-}" ||
        die "oracle: Bochs printed what cannot be understood: see $work/native/debugger"
}
native_list >"$work/native.list" || exit 1
printf 'without Engram: %s accesses, of them %s by page walks\n' "$(wc -l <"$work/native.list")" \
    "$(grep -c ^P "$work/native.list")"
[ -z "${ORACLE_NATIVE_ONLY:-}" ] || exit 0

# What Engram itself says it could not list would be luck, were it the same.
check_counters() { # ENGINE
    local counter
    for counter in unexplained_writes undecoded incomplete_lists; do
        case $(meta "$1" counter.$counter) in
        0 | '') ;;
        *) die "oracle: Engram counts $(meta "$1" counter.$counter) $counter: see engram info $work/$1/trace.egrm" ;;
        esac
    done
}

# run ENGINE: the guest under it, $work/ENGINE/trace.egrm
run() {
    local options="start=rip:$from stop=rip:$to ${ENGRAM_OPTIONS:-}"
    case $1 in
    vmx) engram_run vmx "$options" "$guest" "${GUEST_NAME:-guest}${cmdline:+ $cmdline}" ;;
    vmx-rw) engram_run vmx-rw "trace=rw $options" "$guest" "${GUEST_NAME:-guest}${cmdline:+ $cmdline}" ;;
    dbt) engram_qemu_run dbt "trace=rw walk-reads=${walk_reads:-off} $options" "$guest" "$cmdline" ;;
    hosted)
        mkdir -p "$work/hosted"
        # shellcheck disable=SC2086 # words
        timeout 60 "${DBT_HOST:-$build/dbt-host}" trace=rw "walk-reads=${walk_reads:-off}" ${HOSTED_OPTIONS:-} "start=rip:$from" "stop=rip:$to" \
            "out=$work/hosted/trace.egrm" "$guest" $cmdline >"$work/hosted/console" 2>"$work/hosted/recv.err"
        true ;;
    *) usage ;;
    esac
}

# How many entries Engram has read for the code at FROM: without it, that page is in the TLB before the region.
first_fetch() {
    "$build/engram" print --rip "${from#0x}" --cause page-walk --kind r "$work/$1/trace.egrm" | wc -l
}

# compare ENGINE: exit code of listcmp. In QEMU the timer goes by the clock: how often it has come before FROM differs.
compare() {
    local native=$work/native.list kinds=(--kind w) ranges=("${compare[@]}")
    [ "$1" = dbt ] || ranges+=("${counter[@]}")
    # The reads of delivering a timer interrupt are not among what --handler sets aside.
    if [ "$1" != vmx ] && [ ${#compare[@]} = 0 ]; then
        native=$work/native.rw.list
        kinds=()
        native_list -r -f | grep -v "^${walk_reads:-PR}" >"$native" || exit 1
    fi
    oracle_list "$1" "${kinds[@]}" >"$work/$1.list" || {
        tail -n 5 "$work/$1/console" "$work/$1/recv.err"
        die "oracle: no sound trace from Engram: see $work/$1"
    }
    check_counters "$1"
    [ -n "$walks" ] || sed -i /^PW/d "$work/$1.list"
    [ -z "$walk_reads" ] || sed -i "1,$(first_fetch "$1")d" "$work/$1.list"
    "$build/bin/listcmp" "${ranges[@]}" "$native" "$work/$1.list"
}

code=0
for engine in $engines; do
    run "$engine" || exit 1
    printf '%s: ' "$engine"
    compare "$engine" || code=1
done
exit $code
