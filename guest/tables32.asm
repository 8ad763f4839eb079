; What the CPU writes itself when an event leads from ring 3 to ring 0 in 32-bit
; mode, with 4-byte page-table entries: accessed and dirty bits of the pages of
; IDT, GDT, TSS and stack, accessed bits of the handler's code and stack segment.
;
;     0 … 32 MiB   identity, 4 MiB pages, for ring 3 too
;     WINDOW       pages of 4 KiB: IDT, GDT, TSS, stack of ring 0 (two)
;
; Region for the oracle, with page walks: trace_from to trace_to.

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"

WINDOW equ 0xc0000000
IDT equ WINDOW
GDT equ WINDOW + 0x1000
TSS equ WINDOW + 0x2000
STACK_TOP equ WINDOW + 0x4000 + 8 ; the frame lies on two pages

SEL_CODE equ 0x08
SEL_DATA equ 0x10
SEL_USER_CODE equ 0x18 + 3
SEL_USER_DATA equ 0x20 + 3
SEL_TSS equ 0x28
; Nobody has used these.
SEL_NEW_CODE equ 0x30
SEL_NEW_STACK equ 0x38

PTE_AD equ 0x60

    section .data
    align 4096
page_directory:
%assign i 0
%rep 8
    dd i * 0x400000 + 0xe7 ; P, W, U, A, D, PS
%assign i i + 1
%endrep
    times 768 - 8 dd 0
    dd window_table + 0x67
    times 255 dd 0
window_table:
    dd frame_idt + 0x63
    dd frame_gdt + 0x63
    dd frame_tss + 0x63
    dd frame_stack_low + 0x63
    dd frame_stack_high + 0x63
    times 1024 - 5 dd 0

gdt:
    dq 0
    dq 0x00cf9b000000ffff
    dq 0x00cf93000000ffff
    dq 0x00cffb000000ffff
    dq 0x00cff3000000ffff
    dw 0x67, TSS & 0xffff
    db TSS >> 16 & 0xff, 0x89, 0, TSS >> 24
    dq 0x00cf9a000000ffff
    dq 0x00cf92000000ffff
gdt_end:
gdt_pointer:
    dw gdt_end - gdt - 1
    dd GDT
idt_pointer:
    dw 8 * 16 - 1
    dd IDT

    section .bss
    alignb 4096
frame_idt:
    resb 4096
frame_stack_high: ; no neighbours in physical memory
    resb 4096
frame_gdt:
    resb 4096
frame_tss:
    resb 4096
frame_stack_low:
    resb 4096
    resb 4096
user_stack:

    section .text
    bits 32
    global start, trace_from, trace_to

%macro gate 2 ; for ring 3
    mov eax, %2
    mov edx, eax
    and eax, 0xffff
    or eax, SEL_NEW_CODE << 16
    and edx, 0xffff0000
    or edx, 0xee00
    mov [frame_idt + (%1) * 8], eax
    mov [frame_idt + (%1) * 8 + 4], edx
%endmacro

start:
    cli
    cld
    serial_init
    print "BOOT", 10
    mov esi, gdt
    mov edi, frame_gdt
    mov ecx, gdt_end - gdt
    rep movsb
    gate 3, on_breakpoint
    gate 6, on_undefined
    mov dword [frame_tss + 4], STACK_TOP
    mov dword [frame_tss + 8], SEL_NEW_STACK
    mov word [frame_tss + 102], 104 ; no I/O bitmap

    mov eax, cr4
    or eax, 0x10 ; PSE
    mov cr4, eax
    mov eax, page_directory
    mov cr3, eax
    mov eax, cr0
    or eax, 0x80010000 ; PG, WP
    mov cr0, eax
    lgdt [gdt_pointer]
    lidt [idt_pointer]
    jmp SEL_CODE:.flat
.flat:
    mov eax, SEL_DATA
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov eax, SEL_TSS
    ltr ax
    print "START", 10

    ; START is printed in ring 0: ring 3 has no ports.
    mov esp, user_stack
    push SEL_USER_DATA
    push user_stack
    push 2
    push SEL_USER_CODE
    push trace_from
%assign i 0
%rep 5
    and dword [window_table + i * 4], ~PTE_AD
%assign i i + 1
%endrep
    mov eax, cr3
    mov cr3, eax
    iretd

; Ring 3.
trace_from:
    int3
    int3
    ud2

on_breakpoint:
    iretd

on_undefined:
    push eax
trace_to:
    nop
    print "STOP", 10
    guest_end
