; What the CPU says about itself and what it allows: prints CPUID's answers and
; the exception (0: none) that an attempt ends in.
;
;     cpuid LEAF SUBLEAF eax EAX ebx EBX ecx ECX edx EDX
;     cr4 BIT N | getsec N | xsetbv VALUE N | xcr1 N
;
; All numbers hexadecimal, of 32 bits. Prints FINISHED at the end.

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"
%include "protected.inc"

CR4_OSXSAVE equ 1 << 18
VECTOR_UD equ 6
VECTOR_GP equ 13

    section .bss
    alignb 16
    resb 4096
stack_top:
answer:
    resd 4
cr4_before:
    resd 1

    section .text
    bits 32
    global start, finished

; The vector of what `instruction` raised, in EDI.
%macro attempt 1+ ; instruction
    xor edi, edi
    mov ebp, %%after
    %1
%%after:
%endmacro

%macro put 2+ ; 32-bit value, text before it
    mov ebp, %1
    print %2
    mov ecx, ebp
    put_hex
%endmacro

%macro show_cpuid 2 ; leaf, subleaf
    mov eax, %1
    mov ecx, %2
    cpuid
    mov [answer], eax
    mov [answer + 4], ebx
    mov [answer + 8], ecx
    mov [answer + 12], edx
    put %1, "cpuid "
    put %2, " "
    put [answer], " eax "
    put [answer + 4], " ebx "
    put [answer + 8], " ecx "
    put [answer + 12], " edx "
    print 10
%endmacro

%macro try_cr4 1 ; bit
    mov eax, cr4
    mov [cr4_before], eax
    or eax, 1 << %1
    attempt mov cr4, eax
    mov eax, [cr4_before]
    mov cr4, eax
    put edi, "cr4 ", %str(%1), " "
    print 10
%endmacro

%macro try_xsetbv 1 ; value
    mov eax, %1
    xor edx, edx
    xor ecx, ecx
    attempt xsetbv
    mov [answer], edi
    put %1, "xsetbv "
    put [answer], " "
    print 10
%endmacro

start:
    cli
    cld
    serial_init
    load_flat_segments
    protected_gate VECTOR_UD, on_undefined
    protected_gate VECTOR_GP, on_protection
    lidt [idt_pointer]
    mov esp, stack_top
    print "BOOT", 10, "START", 10
    show_cpuid 1, 0
    show_cpuid 7, 0
    show_cpuid 7, 1
    mov eax, cr0
    or eax, 1 << 16 ; WP, without which CET cannot be set
    mov cr0, eax
    try_cr4 13 ; VMXE
    try_cr4 14 ; SMXE
    try_cr4 23 ; CET
    try_cr4 25 ; UINTR
    try_cr4 28 ; LAM_SUP
    attempt getsec
    put edi, "getsec "
    print 10

    ; Without paging PKE has no effect, but CPUID mirrors it, and OSXSAVE.
    mov eax, cr4
    or eax, 1 << 22 | CR4_OSXSAVE
    attempt mov cr4, eax
    show_cpuid 1, 0
    show_cpuid 7, 0
    try_xsetbv 0x1
    try_xsetbv 0x0
    try_xsetbv 0x3
    try_xsetbv 0x5     ; AVX without SSE
    try_xsetbv 0x7
    try_xsetbv 0x27    ; one of the three AVX-512 components
    try_xsetbv 0x207   ; PKRU
    try_xsetbv 0x20003 ; TILECFG without TILEDATA
    try_xsetbv 0x60007 ; both
    try_xsetbv 0xe7
    mov eax, 1
    xor edx, edx
    mov ecx, 1
    attempt xsetbv
    put edi, "xcr1 "
    print 10
    show_cpuid 0xd, 0
    show_cpuid 0xd, 1
    show_cpuid 0xd, 2
    show_cpuid 0xd, 12
    show_cpuid 0xd, 18
    show_cpuid 0x12, 0
    show_cpuid 0x14, 0
    show_cpuid 0x1d, 0
    print "FINISHED", 10
finished:
    guest_end

on_undefined:
    mov edi, VECTOR_UD
    mov esp, stack_top
    jmp ebp
on_protection:
    mov edi, VECTOR_GP
    mov esp, stack_top
    jmp ebp
