# What the tests in the machine share; sourced by tests/*/test_*.sh.
#
# A test is a script: it boots guests, checks what came out, and calls
# `finish`, whose exit code says whether all its checks passed. A check that
# fails prints what was expected and what was got. Everything goes below
# build/tests/NAME and stays there to be looked at.
# shellcheck shell=bash
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
# shellcheck source=scripts/machine.sh
. scripts/machine.sh

test_name=${TEST_NAME:-$(basename "$0" .sh)}
build=${BUILD:-build}
# shellcheck disable=SC2034 # for the tests
guests=$build/guest
work=$build/run-tests/$test_name
rm -rf "$work"
mkdir -p "$work"
work=$(cd "$work" && pwd)

passed=0
failed=0
pass() { passed=$((passed + 1)); }
fail() {
    failed=$((failed + 1))
    printf '  FAILED: %s\n' "$1"
}

# ---- checks ----------------------------------------------------------------

# expect WHAT EXPECTED GOT
expect() {
    if [ "$2" = "$3" ]; then pass; return; fi
    fail "$1"
    printf '    expected: %s\n    got:      %s\n' "$2" "$3"
}

# expect_line WHAT EXTENDED-REGEX FILE: some line matches
expect_line() {
    if grep -aEq -- "$2" "$3" 2>/dev/null; then pass; return; fi
    fail "$1"
    printf '    expected a line: %s\n    got (the end of %s):\n' "$2" "${3#"$root"/}"
    tail -n 12 "$3" 2>/dev/null | tr -d '\000-\010\016-\037' | cut -c1-200 | sed 's/^/      /'
}

# expect_no_line WHAT EXTENDED-REGEX FILE
expect_no_line() {
    local line
    line=$(grep -aEm1 -- "$2" "$3" 2>/dev/null) || { pass; return; }
    fail "$1"
    printf '    expected no line: %s\n    got:              %s\n' "$2" "$line"
}

# expect_same WHAT EXPECTED-FILE GOT-FILE
expect_same() {
    if cmp -s "$2" "$3"; then pass; return; fi
    fail "$1"
    printf '    %-70s %s\n' "expected ($(wc -l <"$2" 2>/dev/null) lines)" "got ($(wc -l <"$3" 2>/dev/null) lines)"
    diff --side-by-side --width=150 --suppress-common-lines "$2" "$3" 2>&1 | head -n 8 | sed 's/^/    /'
}

# expect_between WHAT LOW HIGH GOT (both included)
expect_between() {
    if [ -n "$4" ] && [ "$4" -ge "$2" ] && [ "$4" -le "$3" ]; then pass; return; fi
    fail "$1"
    printf '    expected: %s to %s\n    got:      %s\n' "$2" "$3" "${4:-nothing}"
}

# skip WHY: this machine lacks what the test needs
skip() {
    printf 'skipped: %s\n' "$1"
    exit 77
}

# require_cpu FLAG WHY: skips the test where the host's processor lacks it
require_cpu() { grep -qw "$1" /proc/cpuinfo || skip "this machine's processor has no $1: $2"; }

finish() {
    if [ $((passed + failed)) = 0 ]; then fail "no check was made"; fi
    printf '%s checks passed, %s failed\n' "$passed" "$failed"
    [ "$failed" = 0 ]
    exit
}

# ---- running ---------------------------------------------------------------

# A started machine or receiver must not outlive its test, however that ends.
children=()
stop_children() {
    local pid
    for pid in "${children[@]}"; do kill "$pid" 2>/dev/null; done
}
trap stop_children EXIT

# GRUB takes a word with blanks in quotes: quote_words 'a=b c=d' 'stop=text:X Y' ...
quote_words() {
    local word
    for word in "$@"; do printf ' "%s"' "$word"; done
}

# make_engram_iso DIR [FILE [STRING]]...: the ISO of DIR/iso with Engram, DIR/options as its command line (a word
# per line), and modules, each a file and the string GRUB gives it. BOOT_PROTOCOL is 2 (default) or 1.
make_engram_iso() {
    local dir=$1 n=0 files=() kernel=multiboot2 module=module2 word
    shift
    if [ "${BOOT_PROTOCOL:-2}" = 1 ]; then kernel=multiboot module=module; fi
    {
        printf 'set timeout=0\n%s /boot/engram.elf' "$kernel"
        while IFS= read -r word; do quote_words "$word"; done <"$dir/options"
        printf '\n'
        while [ $# -gt 0 ]; do
            n=$((n + 1))
            files+=("$1=module$n")
            printf '%s /boot/module%d %s\n' "$module" "$n" "${2:-}"
            shift
            [ $# -eq 0 ] || shift
        done
        printf 'boot\n'
    } >"$dir/grub.cfg"
    ISO_FIRMWARE=bios scripts/mkiso.sh "$dir/iso" "${ENGRAM_ELF:-$build/engram.elf}" "$dir/grub.cfg" "${files[@]}"
}

# bochs OUTPUT ARGUMENTS...: Bochs for at most RUN_SECONDS (240); the exit code is 124 when that was not enough. It
# was once seen to die itself, of SIGSEGV: then it is started once more.
bochs() {
    local output=$1 code=0
    shift
    timeout "${RUN_SECONDS:-240}" scripts/bochs.sh -q "$@" >"$output" 2>&1 </dev/null || code=$?
    if [ "$code" = 139 ]; then
        echo "  (Bochs itself crashed; started once more)"
        code=0
        timeout "${RUN_SECONDS:-240}" scripts/bochs.sh -q "$@" >"$output" 2>&1 </dev/null || code=$?
    fi
    return "$code"
}

# run_bochs DIR: boots DIR/iso with COM1 into DIR/serial.
run_bochs() {
    write_bochsrc "$1/bochsrc" "$1/iso" "mode=file, dev=$1/serial"
    printf 'c\n' >"$1/continue.rc" # Bochs 2.7 starts in its debugger
    bochs "$1/bochs.out" -f "$1/bochsrc" -rc "$1/continue.rc"
}

# engram_run NAME "OPTION OPTION..." [GUEST-FILE "STRING" [MODULE-FILE "STRING"]...]
#
# Boots Engram in Bochs with a serial line that only talks, switched off after the dump, and receives the dump
# from what the line said: $work/NAME holds console (text), serial (raw), trace.egrm, recv.code. Words of the
# options are separated by blanks; OPTION_WORDS=(...) adds words that hold some; ENGINE=dbt chooses that engine.
# after=poweroff (or AFTER) stands first, so that it holds already when a later option is an error.
engram_run() {
    local dir=$work/$1 options=$2 code=0
    shift 2
    mkdir -p "$dir"
    # shellcheck disable=SC2086 # words
    printf '%s\n' "after=${AFTER:-poweroff}" dump-wait=1 ${ENGINE:+engine=$ENGINE} $options \
        ${OPTION_WORDS[@]+"${OPTION_WORDS[@]}"} >"$dir/options"
    make_engram_iso "$dir" "$@" || { fail "$test_name: making the ISO"; return 1; }
    run_bochs "$dir" || code=$?
    [ "$code" != 124 ] || printf '  (the machine was still running after %s seconds)\n' "${RUN_SECONDS:-240}"
    receive "$dir"
}

# engram_qemu_run NAME "OPTION OPTION..." GUEST-FILE [ARGUMENTS]: the same with the DBT engine in QEMU without KVM,
# which boots it without firmware and GRUB, and is many times faster than Bochs.
engram_qemu_run() {
    local dir=$work/$1 code=0
    mkdir -p "$dir"
    timeout "${RUN_SECONDS:-240}" qemu-system-x86_64 -cpu max -m 256 -display none -monitor none -no-reboot \
        -serial "file:$dir/serial" -kernel "${ENGRAM_ELF:-$build/engram.elf}" \
        -append "after=${AFTER:-poweroff} dump-wait=1 engine=dbt $2" -initrd "$3${4:+ $4}" \
        >"$dir/qemu.out" 2>&1 </dev/null || code=$?
    [ "$code" != 124 ] || printf '  (the machine was still running after %s seconds)\n' "${RUN_SECONDS:-240}"
    receive "$dir"
}

# receive DIR: DIR/serial into DIR/trace.egrm and DIR/console.
receive() {
    local code=0
    timeout 60 "$build/engram" recv -o "$1/trace.egrm" "$1/serial" >"$1/console" 2>"$1/recv.err" </dev/null || code=$?
    echo "$code" >"$1/recv.code"
}

# native_run NAME GUEST-FILE CMDLINE RC-LINES: the guest without Engram under Bochs's debugger, which does what
# RC-LINES say and prints to $work/NAME/debugger; the guest's console is $work/NAME/serial.
native_run() {
    local dir=$work/$1
    mkdir -p "$dir"
    printf 'set timeout=0\nmultiboot /boot/engram.elf%s\nboot\n' "${3:+ $3}" >"$dir/grub.cfg"
    ISO_FIRMWARE=bios scripts/mkiso.sh "$dir/iso" "$2" "$dir/grub.cfg" || return 1
    write_bochsrc "$dir/bochsrc" "$dir/iso" "mode=file, dev=$dir/serial"
    printf '%s\nq\n' "$4" >"$dir/debugger.rc"
    bochs "$dir/debugger" -debugger -f "$dir/bochsrc" -rc "$dir/debugger.rc"
}

# Options that record between two symbols or addresses of a guest: region GUEST.elf FROM TO
region() { printf 'start=rip:%s stop=rip:%s' "$(symbol_address "$1" "$2")" "$(symbol_address "$1" "$3")"; }

# meta NAME KEY: a value of the trace's META text. info_number NAME KEY: a number elsewhere in `engram info`.
meta() { info_json "$1" | grep -oP "\"\Q$2\E\":\"\K(\\\\.|[^\"\\\\])*" | head -n 1; }
info_number() { info_json "$1" | grep -oP "\"\Q$2\E\":\K[0-9]+" | head -n 1; }
info_json() { "$build/engram" info --json "$work/$1/trace.egrm" 2>/dev/null; }

# oracle_list NAME [ARGUMENTS OF engram print]: the accesses, "W gva gpa size data" a line.
oracle_list() {
    local name=$1
    shift
    "$build/engram" print --format oracle "$@" "$work/$name/trace.egrm"
}
