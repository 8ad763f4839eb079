; Writes 16 dwords at `data`, then triple-faults: an exception with no IDT to take it.

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"
%include "end.inc"

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
    triple_fault
