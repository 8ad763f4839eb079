; What page walks read: pages are touched for the first time after a TLB flush, by
; reads and writes, across a border, in large pages, on absent and on malformed
; entries, behind INVLPG, and by code.
;
; A processor's TLB may keep or lose more than another one's, so each access
; here is the first to its page, or stands behind a flush.
;
; Region for the oracle, with the reads of page walks: trace_from to trace_to.

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"
%include "long.inc"

%define window(page) (KERNEL_WINDOW + (page) * 4096)
PAGE_ABSENT equ 20
PAGE_RESERVED equ 21
PAGE_CODE equ 22
PTE_RESERVED_HIGH equ 1 << 19 ; bit 51, above what any CPU here has
LARGE equ 0x2000000 ; identity-mapped, 2 MiB pages
IDENTITY_ABSENT equ 0x7f8000000000 ; its PML4 entry is 0

    section .bss
    alignb 16
    resb 512
tss_ist1:
    resb 512
stack_top:

    section .text
    bits 32
    global start, trace_from, trace_to

start:
    cli
    cld
    serial_init
    print "BOOT", 10
    interrupt_gate 14, on_page_fault, 1, 0
    enter_long_mode
    lidt [idt_pointer]
    mov eax, SEL_TSS
    ltr ax
    ; A page of code of its own: NOP, RET. The pages next to it are never touched.
    mov rdi, window(PAGE_CODE)
    mov word [rdi], 0xc390
    and byte [kernel_pt + PAGE_ABSENT * 8], ~PTE_P
    or dword [kernel_pt + PAGE_RESERVED * 8 + 4], PTE_RESERVED_HIGH
    print "START", 10
    mov r15, cr3
    mov rbx, window(0)
    mov rbp, LARGE
    mov esp, stack_top
    jmp trace_from

    align 16
trace_from:
    mov cr3, r15
    mov rax, [rbx + 1 * 4096]
    mov [rbx + 2 * 4096], rax
    add [rbx + 3 * 4096 + 8], rax
    mov rax, [rbx + 5 * 4096 - 3] ; two pages
    mov [rbx + 7 * 4096 - 5], rax
    mov rax, [rbp]
    mov [rbp + 0x200000], eax
    invlpg [rbx + 1 * 4096]
    mov rax, [rbx + 1 * 4096]
    ; Accessed and dirty bits are set behind the reads of the same walk.
    and qword [kernel_pt + 9 * 8], ~PTE_AD
    mov cr3, r15
    mov [rbx + 9 * 4096], rax
    ; Walks that end in page faults.
    mov cr3, r15
    mov rsi, window(PAGE_ABSENT)
    mov rax, [rsi]
    mov cr3, r15
    mov rsi, window(PAGE_RESERVED)
    mov [rsi], rax
    mov cr3, r15
    mov rsi, IDENTITY_ABSENT
    mov rax, [rsi]
    ; Code elsewhere.
    mov cr3, r15
    mov rsi, window(PAGE_CODE)
    call rsi
    nop
trace_to:
    print "STOP", 10
    guest_end

; The instruction that faulted took three bytes.
on_page_fault:
    add rsp, 8
    add qword [rsp], 3
    iretq
