#!/usr/bin/env bash
# Compares what Engram records with what Bochs itself sees: the same guest, run
# without Engram under Bochs's debugger, must make the same accesses.
#
#     oracle.sh GUEST.elf FROM TO [--cmdline "ARGUMENTS"] [--handler LO-HI] [--counter LO-HI] [--walks]
#
# FROM and TO are symbols or 0x addresses of the guest: the accesses from the
# first execution of FROM until TO is about to be executed are compared, event
# by event: addresses, size, data, order. --handler and --counter are for guests
# with the timer on (see listcmp.c); their bounds may be symbols too. --walks
# compares what page walks write as well (see docs/testing.md). The guest
# must be a multiboot 1 kernel whose FROM is not executed by GRUB itself (guests
# at 16 MiB are safe), and identity-mapped or unpaged where FROM and TO lie.
#
# Prints the number of accesses compared or the first difference side by side.
# What was compared stays below build/run-tests/. ORACLE_NATIVE_ONLY=1 stops
# after the run without Engram. Exit code 0: the same.
# Its own folder for every comparison, so that several can run at once.
TEST_NAME=oracle-$(basename "${1:-}" .elf)-$$
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

usage() { die "usage: oracle.sh GUEST.elf FROM TO [--cmdline ARGUMENTS] [--handler LO-HI] [--counter LO-HI] [--walks]"; }

[ $# -ge 3 ] || usage
guest=$1 from=$2 to=$3
shift 3
[ -r "$guest" ] || die "oracle: cannot read $guest"
cmdline=
compare=()
walks=
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
    case $1 in
    --cmdline) cmdline=${2-} ;;
    --handler | --counter)
        range=$(address_range "${2-}") || exit 1
        compare+=("$1" "$range") ;;
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
"$build/bin/bochs2list" ${walks:+-w} <"$work/native/debugger" >"$work/native.list" ||
    die "oracle: Bochs printed what cannot be understood: see $work/native/debugger"
printf 'without Engram: %s accesses, of them %s by page walks\n' "$(wc -l <"$work/native.list")" \
    "$(grep -c ^P "$work/native.list")"
[ -z "${ORACLE_NATIVE_ONLY:-}" ] || exit 0

engram_run engram "start=rip:$from stop=rip:$to ${ENGRAM_OPTIONS:-}" "$guest" "guest${cmdline:+ $cmdline}" || exit 1
oracle_list engram --kind w >"$work/engram.list" || {
    tail -n 5 "$work/engram/console" "$work/engram/recv.err"
    die "oracle: no sound trace from Engram: see $work/engram"
}
# What Engram itself says it could not list would be luck, were it the same.
for counter in unexplained_writes undecoded incomplete_lists walks_dropped; do
    case $(meta engram counter.$counter) in
    0 | '') ;;
    *) die "oracle: Engram counts $(meta engram counter.$counter) $counter: see engram info $work/engram/trace.egrm" ;;
    esac
done
[ -n "$walks" ] || sed -i /^PW/d "$work/engram.list"
"$build/bin/listcmp" "${compare[@]}" "$work/native.list" "$work/engram.list"
