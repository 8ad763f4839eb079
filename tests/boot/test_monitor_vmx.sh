#!/usr/bin/env bash
# The monitor on the serial line, in Bochs: Ctrl-] and `dump` end the run and start the dump.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

dir=$work/key
mkdir -p "$dir"
port=$(free_port)
printf '%s\n' after=poweroff dump-wait=1 start=text:START >"$dir/options"
make_engram_iso "$dir" "$guests/hang.elf" guest
write_bochsrc "$dir/bochsrc" "$dir/iso" "mode=socket-server, dev=localhost:$port"
timeout 60 scripts/bochs.sh -q -f "$dir/bochsrc" >"$dir/bochs.out" 2>&1 </dev/null &
children+=($!)

# The terminal: connects, waits for STOP on the console, presses the key, listens to the end.
connected=
for _ in $(seq 100); do
    if { exec 3<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null; then connected=1; break; fi
    sleep 0.1
done
expect "connected to the machine" 1 "$connected"
timeout 50 cat <&3 >"$dir/serial" &
children+=($!)
listener=$!
for _ in $(seq 200); do
    grep -aq '^STOP' "$dir/serial" && break
    sleep 0.1
done
# asks COMMAND REGEX
asks() {
    printf '%s\r' "$1" >&3
    for _ in $(seq 200); do
        grep -aEq -- "$2" "$dir/serial" && break
        sleep 0.1
    done
    expect_line "the monitor: $1" "$2" "$dir/serial"
}
printf '\035' >&3
asks status '^engine vmx, recording'
asks regs '^engram: rip 0000000001[0-9a-f]{6} '
asks "filter cpl=kernel" '^filter gpa=all gva=all cpl=0,1,2 cr3=all'
asks "mem 0x1000000 16" '^0000000001000000: '
asks stop 'engram> stop'
asks status '^engine vmx, not recording'
asks start 'engram> start'
asks counters '^counter\.exit\.'
printf 'dump\r' >&3
wait "$listener"
receive "$dir"
expect_line "the reason" 'engram: ended, as the monitor was told' "$dir/console"
expect "the dump is whole" 0 "$(cat "$dir/recv.code")"
expect "the guest's writes" 16 "$(oracle_list key | wc -l)"
finish
