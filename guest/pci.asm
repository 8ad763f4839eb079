; Enumerates bus 0 of PCI as systems do: 32-bit writes to CONFIG_ADDRESS (0xcf8),
; whose second byte lies on port 0xcf9 and goes through all values, those among
; them that would be a reset if a byte wrote them there.
;
;     pci devices 3 first 12378086

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"

CONFIG_ADDRESS equ 0xcf8
CONFIG_DATA equ 0xcfc
CONFIG_ENABLE equ 0x80000000

    section .bss
    alignb 4
    global found
found: ; vendor and device of each function that answers
    resd 256

    section .text
    bits 32
    global start, pci_done
start:
    cli
    cld
    serial_init
    print "BOOT", 10, "START", 10
    mov edi, found
    mov ecx, CONFIG_ENABLE
.function:
    mov eax, ecx
    mov dx, CONFIG_ADDRESS
    out dx, eax
    in eax, dx
    cmp eax, ecx
    jne pci_lost
    mov dx, CONFIG_DATA
    in eax, dx
    cmp eax, -1
    je .next
    stosd
.next:
    add ecx, 0x100
    test ecx, 0x10000
    jz .function
    mov ebp, edi
    sub ebp, found
    shr ebp, 2
    print "STOP", 10, "pci devices "
    mov ecx, ebp
    put_dec
    print " first "
    mov ecx, [found]
    put_hex
    print 10
    serial_drain
pci_done:
    guest_end
pci_lost:
    print "guest: error: CONFIG_ADDRESS does not keep what is written", 10
    guest_end
