; Writes 16 dwords, then powers the machine off: SLP_EN with sleep type 0 to the
; ACPI PM1a control register. Its port is where the firmware of Bochs (0xb004)
; and QEMU (0x604) puts it; both are tried.

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"

    section .bss
    alignb 4096
    global data
data:
    resb 4096

    section .text
    bits 32
    global start
start:
    cli
    cld
    serial_init
    print "BOOT", 10, "START", 10
    mov edi, data
    mov ecx, 16
.writes:
    mov [edi], ecx
    add edi, 4
    dec ecx
    jnz .writes
    print "STOP", 10
    mov eax, 0x2000
    mov dx, 0x604
    out dx, ax
    mov dx, 0xb004
    out dx, ax
    print "guest: error: still running after the power-off", 10
    guest_end
