; 64-bit mode with four levels of page tables, a stack, then C (guest.c).

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"
%include "long.inc"

    section .bss
    alignb 16
    resb 64 << 10
stack_top:
tss_ist1:

    section .text
    bits 32
    global start
    extern guest_main

start:
    cli
    cld
    mov esp, stack_top
    push ebx
    push eax
    serial_init
    enter_long_mode
    mov edi, [rsp]
    mov esi, [rsp + 4]
    mov rsp, stack_top
    call guest_main
    serial_drain
    guest_end
