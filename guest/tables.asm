; What the CPU itself writes: accessed and dirty bits of pages, accessed and busy
; bits of descriptors, by the delivery of events, far transfers and segment loads.
; 64-bit; GDT, IDT, TSS and stacks lie on pages of the kernel window whose
; accessed and dirty bits are cleared before the first of them is used.
;
; Bochs sets these bits for an instruction's first write before EPT sees that
; write, so the first page that each instruction here writes is dirty already.
;
; Region for the oracle, with page walks: trace_from to trace_to.

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"
%include "long.inc"

; Pages of the kernel window, by number.
PAGE_GDT equ 1
PAGE_IDT equ 2
PAGE_TSS equ 3
PAGE_IST equ 4    ; stack of the breakpoint's handler, not present at first
PAGE_FRESH equ 5  ; written across from PAGE_DATA, which lies below PAGE_FRESH
PAGE_RSP0 equ 7   ; stack of what comes from ring 3
PAGE_FAULT equ 8  ; stack of the page fault's handler
PAGE_STACK equ 10 ; main stack, grows down to the fresh page 9
%define window(page) (KERNEL_WINDOW + (page) * 4096)

USER_CODE equ USER_WINDOW
USER_STACK equ USER_WINDOW + 11 * 4096

; Descriptors that nobody has used: their accessed bits are clear.
SEL_NEW_CODE equ 0x48
SEL_NEW_DATA equ 0x50
SEL_NEW_USER_DATA equ 0x58 + 3
SEL_NEW_USER_CODE equ 0x60 + 3
SEL_NEW_TSS equ 0x68
SEL_FAR_CODE equ 0x78

    section .data
    align 16
new_descriptors:
    dq 0x00af9a000000ffff
    dq 0x00cf92000000ffff
    dq 0x00cff2000000ffff
    dq 0x00affa000000ffff
new_tss:
    dq 0x0000890000000067
    dq 0
    dq 0x00af9a000000ffff
new_descriptors_end:
GDT_BYTES equ 0x48 + (new_descriptors_end - new_descriptors)

table_pointer:
    dw 0
    dq 0
far_pointer:
    dd far_target, 0
    dw SEL_FAR_CODE

    section .bss
    alignb 4096
    resb 4096
tss_ist1: ; long.inc wants it; the copy of the TSS in the window has another

    section .text
    bits 32
    global start, trace_from, trace_to

start:
    cli
    cld
    serial_init
    print "BOOT", 10
    interrupt_gate 3, on_breakpoint, 1, 3
    interrupt_gate 6, on_undefined, 0, 0
    interrupt_gate 14, on_page_fault, 2, 0
    mov word [idt + 3 * 16 + 2], SEL_NEW_CODE
    enter_long_mode

    mov esi, gdt
    mov rdi, window(PAGE_GDT)
    mov ecx, gdt_end - gdt
    rep movsb
    mov esi, new_descriptors
    mov rdi, window(PAGE_GDT) + 0x48
    mov ecx, new_descriptors_end - new_descriptors
    rep movsb
    mov esi, idt
    mov rdi, window(PAGE_IDT)
    mov ecx, 4096
    rep movsb
    mov esi, tss
    mov rdi, window(PAGE_TSS)
    mov ecx, 104
    rep movsb
    mov rax, window(PAGE_TSS)
    mov rdi, rax
    mov rcx, window(PAGE_RSP0 + 1)
    mov [rdi + 4], rcx
    mov rcx, window(PAGE_IST + 1)
    mov [rdi + 36], rcx
    mov rcx, window(PAGE_FAULT + 1)
    mov [rdi + 44], rcx

    ; Both TSS descriptors describe that copy.
%macro describe_tss 1
    mov rdi, window(PAGE_GDT) + %1
    mov [rdi + 2], ax
    mov rcx, rax
    shr rcx, 16
    mov [rdi + 4], cl
    mov [rdi + 7], ch
    shr rcx, 16
    mov [rdi + 8], ecx
%endmacro
    describe_tss SEL_TSS
    describe_tss SEL_NEW_TSS

    mov rax, window(PAGE_GDT)
    mov [table_pointer + 2], rax
    mov word [table_pointer], GDT_BYTES - 1
    lgdt [table_pointer]
    mov rax, window(PAGE_IDT)
    mov [table_pointer + 2], rax
    mov word [table_pointer], 4095
    lidt [table_pointer]
    mov eax, SEL_TSS
    ltr ax

    ; The user's code: one UD2.
    mov rdi, USER_CODE
    mov word [rdi], 0x0b0f

    mov rsp, window(PAGE_STACK + 1)
%macro make_fresh 1
    and qword [kernel_pt + (%1) * 8], ~PTE_AD
%endmacro
    make_fresh PAGE_GDT
    make_fresh PAGE_IDT
    make_fresh PAGE_TSS
    make_fresh PAGE_IST
    make_fresh PAGE_FRESH
    make_fresh PAGE_RSP0
    make_fresh PAGE_STACK - 1
    make_fresh PAGE_FAULT
    and byte [kernel_pt + PAGE_IST * 8], ~PTE_P
    mov rax, cr3
    mov cr3, rax
    print "START", 10

trace_from:
    nop ; the INT3 comes twice
    ; Events: IDT, GDT, TSS and stack are walked for the first time, and the handler's code segment is used. The
    ; first delivery ends in a page fault at the stack, which leaves what it has set.
    int3
    int3
    ; A write whose second page is fresh, and one that finds it dirty.
    mov rdi, window(PAGE_FRESH)
    mov rax, 0x1122334455667788
    mov [rdi - 3], rax
    mov [rdi - 5], rax
    ; Segment loads.
    mov eax, SEL_NEW_DATA
    mov fs, eax
    mov fs, eax
    mov eax, SEL_NEW_TSS
    ltr ax
    call far [far_pointer]
    call far [far_pointer]
    ; ENTER with so many levels that its copies reach the fresh page below.
    mov rsp, window(PAGE_STACK) + 24
    mov rbp, window(PAGE_STACK) + 512
    enter 16, 6
    ; To ring 3, which sets the accessed bits of two descriptors, and back through the TSS.
    mov rsp, window(PAGE_STACK + 1)
    push SEL_NEW_USER_DATA
    mov rax, USER_STACK
    push rax
    push 2
    push SEL_NEW_USER_CODE
    mov rax, USER_CODE
    push rax
    iretq
after_user:
    nop
trace_to:
    print "STOP", 10
    guest_end

on_breakpoint:
    iretq

on_page_fault:
    or byte [kernel_pt + PAGE_IST * 8], PTE_P
    add rsp, 8
    iretq

on_undefined:
    mov rsp, window(PAGE_STACK + 1)
    jmp after_user

far_target:
    o64 retf
