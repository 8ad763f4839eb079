#!/usr/bin/env bash
# The monitor, driven through a pty while a guest runs and is recorded; a line that sends nothing but noise; and
# `engram console`: the guest's text, the monitor and a dump that is sent meanwhile over one line.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# start NAME OPTIONS: QEMU with its serial line on a pty, which is fd 3 then; what comes goes to NAME/serial.
start() {
    local dir=$work/$1 tty
    mkdir -p "$dir"
    timeout "${RUN_SECONDS:-100}" qemu-system-x86_64 -cpu max -m 256 -display none -monitor none -no-reboot -serial pty \
        -kernel "$build/engram.elf" -append "after=poweroff dump-wait=2 engine=dbt start=text:START $2" \
        -initrd "$guests/benchmark.elf t=1 u=5000 n=100000000 warmup=1000" >"$dir/qemu.out" 2>&1 </dev/null &
    machine=$!
    children+=("$machine")
    for _ in $(seq 100); do
        tty=$(grep -o '/dev/pts/[0-9]*' "$dir/qemu.out" 2>/dev/null) && break
        sleep 0.1
    done
    [ -n "$tty" ] || { fail "$1: no pty"; return 1; }
    stty -F "$tty" raw -echo
    exec 3<>"$tty"
    : >"$dir/serial"
    cat <&3 >"$dir/serial" 2>/dev/null &
    children+=("$!")
    waits "$1" '^START'
}

# waits NAME REGEX: until the line has said so
waits() {
    for _ in $(seq 200); do
        grep -aEq -- "$2" "$work/$1/serial" && { pass; return; }
        sleep 0.1
    done
    fail "$1: waiting for $2"
    tail -c 600 "$work/$1/serial" | tr -d '\000-\010\016-\037' | sed 's/^/      /'
}
type_line() { printf '%s\r' "$1" >&3; }

# asks NAME COMMAND REGEX: the answer comes behind the command
asks() {
    local before
    before=$(stat -c %s "$work/$1/serial")
    type_line "$2"
    for _ in $(seq 100); do
        tail -c +$((before + 1)) "$work/$1/serial" | grep -aEq -- "$3" && { pass; return; }
        sleep 0.1
    done
    fail "$1: $2"
    printf '    expected: %s\n    got:\n' "$3"
    tail -c +$((before + 1)) "$work/$1/serial" | tr -d '\000-\010\016-\037' | sed 's/^/      /' | head -n 12
}

# ends NAME: the machine switches itself off, and the dump is received
ends() {
    for _ in $(seq 300); do
        kill -0 "$machine" 2>/dev/null || break
        sleep 0.1
    done
    expect "$1: the machine is off" 1 "$(kill -0 "$machine" 2>/dev/null; echo $?)"
    exec 3>&-
    sleep 0.3
    receive "$work/$1"
    expect "$1: the dump is whole" 0 "$(cat "$work/$1/recv.code")"
    expect "$1: engram verify finds nothing" 0 "$("$build/engram" verify "$work/$1/trace.egrm" >/dev/null 2>&1; echo $?)"
}

start dialogue "ring=4M"
printf '\035' >&3
waits dialogue 'engram> '
asks dialogue help '^mem ADDR \[BYTES\]: guest-physical memory'
asks dialogue status '^engine dbt, recording'
asks dialogue status '^rate [1-9][0-9]* events a second'
asks dialogue regs '^engram: rip 0000000001[0-9a-f]{6} '
asks dialogue counters '^counter\.dbt\.'
asks dialogue "mem 0x1000000 32" '^0000000001000000: ([0-9a-f]{2} ){16} .*'
asks dialogue "mem 0xfffffff0 32" "is not in the guest's RAM"
asks dialogue "mem 12z" '^mem ADDR \[BYTES\]: ADDR is'
asks dialogue "frobnicate now" "^'frobnicate' is no command; help lists them"
# Typed with mistakes, put right with backspace, arrows, Ctrl-W and Ctrl-A.
asks dialogue "$(printf 'statux\010s wrong\027\033[D\033[C\001\013filter')" '^filter gpa=all gva=all cpl=all cr3=all'
asks dialogue "$(printf '\033[A')" '^filter gpa=all'
asks dialogue "filter cpl=user" '^filter gpa=all gva=all cpl=3 cr3=all'
asks dialogue "filter cpl=9" '^cpl=9: '
asks dialogue "filter cpl=all gpa=0x1000000-0x1ffffff" '^filter gpa=0x1000000-0x1ffffff gva=all cpl=all'
asks dialogue "mark here I am" 'engram> '
asks dialogue stop 'engram> '
asks dialogue status '^engine dbt, not recording'
asks dialogue "mark lost" '^nothing is recorded'
asks dialogue start 'engram> '
asks dialogue status '^engine dbt, recording'
asks dialogue "$(printf '\035')" '\[guest\]'
asks dialogue "$(printf '\035')" 'the guest runs on'
type_line dump
ends dialogue
expect_line "dialogue: the reason" '^engram: ended, as the monitor was told' "$work/dialogue/console"
"$build/engram" print --events "$work/dialogue/trace.egrm" >"$work/dialogue/events" 2>&1
expect_line "dialogue: recording stopped in between" 'recording stopped' "$work/dialogue/events"
expect_line "dialogue: and went on" 'recording goes on' "$work/dialogue/events"

# While the ring goes out, the monitor answers as well.
start drained "ring=1M ring-mode=drain,lose"
printf '\035' >&3
waits drained 'engram> '
asks drained status 'segments of 64 KiB in use, [0-9]+ of [0-9]+ sent'
type_line poweroff
ends drained
expect_line "drained: the reason" '^engram: ended to switch the machine off' "$work/drained/console"

# settles NAME: until nothing has come for a while
settles() {
    local size=-1
    while [ "$(stat -c %s "$work/$1/serial")" != $size ]; do
        size=$(stat -c %s "$work/$1/serial")
        sleep 0.5
    done
}

# Noise, binary, lines without end, halves of escape sequences, for the guest and for the monitor: the guest runs on, and
# the monitor answers afterwards.
start noise "ring=1M"
head -c 20000 /dev/urandom | tr -d '\035' >&3
printf '\035' >&3
waits noise 'engram> '
settles noise
{ head -c 5000 /dev/zero | tr '\0' 'x'; printf '\033[\033[999999999;~\033O\367\001\002\003'; } >&3
head -c 5000 /dev/urandom | tr -d '\r\n\035' >&3
settles noise
asks noise "$(printf '\003\003')" 'engram> '
asks noise status '^engine dbt, recording'
asks noise "mark $(head -c 200 /dev/zero | tr '\0' 'y')" 'engram> '
type_line dump
ends noise

# engram console, on a terminal of its own, whose keyboard is fd 3 and whose screen is console/serial.
dir=$work/console
mkdir -p "$dir"
timeout "${RUN_SECONDS:-100}" qemu-system-x86_64 -cpu max -m 256 -display none -monitor none -no-reboot \
    -serial "unix:$dir/line,server=on" -kernel "$build/engram.elf" \
    -append "after=poweroff dump-wait=5 engine=dbt start=text:START ring=1M ring-mode=drain" \
    -initrd "$guests/benchmark.elf t=10 u=100 n=100000000 warmup=1000" >"$dir/qemu.out" 2>&1 </dev/null &
machine=$!
children+=("$machine")
mkfifo "$dir/keyboard"
exec 3<>"$dir/keyboard"
printf 'exec %s console -o %s unix:%s\n' "$root/$build/engram" "$dir/trace.egrm" "$dir/line" >"$dir/command"
socat "EXEC:bash $dir/command,pty,setsid,ctty,stderr" - <"$dir/keyboard" >"$dir/serial" 2>/dev/null 3>&- &
console=$!
children+=("$console")
waits console '^START'
printf '\035' >&3
waits console 'engram> '
asks console status 'segments of 64 KiB in use, [1-9][0-9]* of [0-9]+ sent'
asks console "mem 0x1000000 16" '^0000000001000000: '
for _ in $(seq 100); do grep -q '^events 0 [1-9]' "$dir/trace.egrm.part" 2>/dev/null && break; sleep 0.1; done
expect_line "console: the trace is coming in" '^events 0 [1-9][0-9]*$' "$dir/trace.egrm.part"
expect_line "console: its map says that the run goes on" '^grows [0-9]+$' "$dir/trace.egrm.part"
type_line dump
for _ in $(seq 600); do kill -0 "$console" 2>/dev/null || break; sleep 0.1; done
exec 3>&-
expect_line "console: the reason" 'engram: ended, as the monitor was told' "$dir/serial"
expect_line "console: the dump is whole" 'trace.egrm is whole' "$dir/serial"
expect "console: engram verify finds nothing" 0 "$("$build/engram" verify "$dir/trace.egrm" >/dev/null 2>&1; echo $?)"
expect "console: none lost" 0 "$(meta console lost)"
expect "console: all events from the first on" "$(meta console events)" "$(info_number console count)"
finish
