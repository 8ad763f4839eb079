; 32-bit protected mode without paging, SSE on, a stack, then C (guest.c).

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"
%include "protected.inc"

CR0_EM equ 1 << 2
CR0_MP equ 1 << 1
CR4_OSFXSR equ 1 << 9
CR4_OSXMMEXCPT equ 1 << 10

    section .bss
    alignb 16
    resb 64 << 10
stack_top:

    section .text
    bits 32
    global start
    extern guest_main

start:
    cli
    cld
    mov esp, stack_top
    push 0 ; the call is to find the stack aligned to 16
    push 0
    push ebx
    push eax
    serial_init
    load_flat_segments
    mov eax, cr0
    and eax, ~CR0_EM
    or eax, CR0_MP
    mov cr0, eax
    mov eax, cr4
    or eax, CR4_OSFXSR | CR4_OSXMMEXCPT
    mov cr4, eax
    call guest_main
    serial_drain
    guest_end
