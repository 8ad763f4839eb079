#!/usr/bin/env bash
# A guest that enumerates PCI finds what it finds without Engram: 32-bit writes to 0xcf8 are no reset by port 0xcf9.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

guest=$guests/pci.elf
native_run native "$guest" "" "pb $(symbol_address "$guest" pci_done)
c"
RUN_SECONDS=30 engram_run pci "start=text:START" "$guest" guest
native=$(grep -aoE '^pci devices [1-9][0-9]* first [0-9a-f]{8}' "$work/native/serial")
expect_line "without Engram there are devices" "^pci devices" "$work/native/serial"
expect "the devices found" "$native" "$(grep -aoE '^pci devices .*[0-9a-f]{8}' "$work/pci/console")"
expect "the run ends where the guest does" "the guest halted with interrupts off" "$(meta pci end)"
finish
