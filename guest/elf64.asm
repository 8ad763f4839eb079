; A multiboot kernel as a 64-bit ELF file, which version 1 of the specification
; allows a boot loader to take: it starts in 32-bit mode all the same. Writes 16
; dwords at `data`.

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
    guest_end
