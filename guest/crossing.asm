; Writes that cross page borders: of 2, 4, 8 and 16 bytes, plain, with
; read-modify-write, locked, by push, call, string and vector instructions. The
; first part runs in 32-bit mode without paging, the second in 64-bit mode on
; pages that are no neighbours in physical memory. No interrupts, no events.
;
; Region for the oracle: trace_from to trace_to.

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"
%include "long.inc"

    section .bss
    alignb 4096
    resb 4096
tss_ist1:
area: ; four pages; the border between the first two is written across
    resb 4 * 4096
border equ area + 4096

    section .data
    align 16
pattern:
    db 0x10, 0x21, 0x32, 0x43, 0x54, 0x65, 0x76, 0x87, 0x98, 0xa9, 0xba, 0xcb, 0xdc, 0xed, 0xfe, 0x0f
saved_esp:
    dd 0

    section .text
    bits 32
    global start, trace_from, trace_to

start:
    cli
    cld
    serial_init
    mov eax, cr4
    or eax, 0x600 ; OSFXSR, OSXMMEXCPT
    mov cr4, eax
    mov eax, cr0
    and eax, ~4 ; EM
    or eax, 2   ; MP
    mov cr0, eax
    mov esp, area + 4 * 4096 ; undefined at the start, and it is stored below
    print "BOOT", 10, "START", 10

trace_from:
    ; Every offset at which a write of each size still touches both pages.
    mov eax, 0x11223344
    mov [border - 1], ax
%assign i 1
%rep 3
    add eax, 0x01010101
    mov [border - i], eax
%assign i i + 1
%endrep
    movq xmm0, [pattern]
%assign i 1
%rep 7
    movq [border - i], xmm0
%assign i i + 1
%endrep
    movdqu xmm1, [pattern]
%assign i 1
%rep 15
    movdqu [border - i], xmm1
    paddb xmm1, xmm0
%assign i i + 1
%endrep

    ; Read-modify-write, also locked and with one operand in memory only.
    add word [border - 1], 0x1234
    add dword [border - 3], 0x12345678
    not dword [border - 2]
    inc dword [border - 1]
    shl dword [border - 2], 3
    mov eax, 0x5a5a5a5a
    lock xadd [border - 2], eax
    xchg [border - 1], eax
    lock cmpxchg [border - 3], eax
    mov edx, 0x0badcafe
    mov ecx, 7
    bts dword [border - 2], ecx
    setc byte [border]

    ; The stack's top across the border.
    mov [saved_esp], esp
    mov esp, border + 2
    push eax
    push edx
    mov esp, border + 1
    push word 0x7788
    mov esp, border + 3
    call .called
.called:
    mov esp, border + 10
    pushad
    mov esp, border + 2
    pushfd
    mov esp, [saved_esp]

    ; Strings: up and down, elements on both sides, one element across.
    mov edi, border - 10
    mov ecx, 20
    mov al, 0xc3
    rep stosb
    mov edi, border - 6
    mov ecx, 5
    mov eax, 0x01234567
    rep stosd
    mov esi, pattern
    mov edi, border - 7
    mov ecx, 4
    rep movsd
    std
    mov esi, pattern + 12
    mov edi, border + 5
    mov ecx, 4
    rep movsd
    mov edi, border + 1
    stosw
    cld
    mov edi, border - 3
    movsd

    ; x87: 10 bytes, 8 bytes; the state in 28 bytes.
    fninit
    fld1
    fstp tword [border - 5]
    fldpi
    fstp qword [border - 3]
    fldpi
    fist dword [border - 2]
    fstp dword [border - 1]
    fnstcw [border - 1]

    enter_long_mode
    ; Page 4 | 5 of the kernel window: two frames far apart.
    mov rbp, KERNEL_WINDOW + 5 * 4096
    mov rax, 0x1122334455667788
    mov [rbp - 1], ax
%assign i 1
%rep 3
    mov [rbp - i], eax
    add rax, 0x1010101
%assign i i + 1
%endrep
%assign i 1
%rep 7
    mov [rbp - i], rax
    rol rax, 8
%assign i i + 1
%endrep
%assign i 1
%rep 15
    movdqu [rbp - i], xmm1
    paddb xmm1, xmm0
%assign i i + 1
%endrep
    movups [rbp - 9], xmm1
    movntps [rbp - 16], xmm1 ; aligned: right up to the border
    movnti [rbp - 3], eax
    movhps [rbp - 2], xmm1
    add [rbp - 5], rax
    lock add [rbp - 3], rax
    lock or [rbp - 2], eax
    xchg [rbp - 7], rax
    neg qword [rbp - 6]
    lea rsp, [rbp + 3]
    push rax
    push 0x55
    lea rsp, [rbp + 5]
    call .called64
.called64:
    lea rsp, [rbp + 1]
    pushfq
    lea rdi, [rbp - 20]
    mov ecx, 5
    rep stosq
    lea rdi, [rbp - 9]
    mov ecx, 18
    rep stosb
    mov esi, pattern
    lea rdi, [rbp - 5]
    movsq
    std
    lea rdi, [rbp + 12]
    mov esi, pattern + 8
    mov ecx, 2
    rep movsq
    lea rdi, [rbp + 3]
    mov ecx, 3
    rep stosd
    cld
    ; A whole page and both its borders.
    lea rdi, [rbp + 4096 - 12]
    mov ecx, 4096 / 8 + 3
    rep stosq
trace_to:
    print "STOP", 10
    guest_end
