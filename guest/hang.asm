; Writes 16 dwords, then runs in a loop for ever with interrupts off.

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
.for_ever:
    jmp .for_ever
