; What behaviours see: entries in memory, printed when all are over. An entry is
;
;     dd kind, label, low half, high half
;
; Each behaviour has room of its own, so that its accesses do not depend on what
; others have seen. Exceptions that nobody has asked for end the behaviour.
%define FRAME_ITSELF
%include "behaviour.inc"
%include "serial.inc"

    global log_begin, log_name, log_print, frame_see16, frame_see32, frame_see64, frame_see64_low, log_take_real
    global resume, resume_sp, real_resume, real_resume_sp, ring0_return
    global vector_stubs32, vector_stubs64, vector_to_ring0_32, vector_to_ring0_64, real_stubs
    extern stack, frame_done, frame_abandon64, frame_abandon_real

NAME equ 8 ; of a behaviour, or another line without a value
LINE equ 1 ; 8 digits
WIDE equ 2 ; or'd: 16 digits
MORE equ 4 ; or'd: on the same line
ENTRIES equ 1024
BEHAVIOURS equ 200
VECTORS equ 0x60
VECTOR_PF equ 14

    section .log nobits alloc noexec write align=16 ; behind all else, as it is large
log:
    resb BEHAVIOURS * ENTRIES * 16

    section .data
    align 8
log_next:
    dd log
resume:
    dd 0
resume_sp:
    dq 0
resume_at:
    dq 0
data_selector:
    dd SEL_DATA
ring0_return:
    dd 0

    section .rodata
vector_names: ; 4 bytes each
%assign vector 0
%rep VECTORS
    db "#", '0' + vector / 10, '0' + vector % 10, 0
%assign vector vector + 1
%endrep
%macro names 1-*
    %rep %0
    %defstr %%text %1
name_%1:
    db %%text, 0
    %rotate 1
    %endrep
%endmacro
    names unexpected, cr2, ip, cs, flags, sp, ss, ax, cx, dx, bx, bp, si, di, r8, r9, r10, r11, r12, r13, r14, r15

; entry KIND, label, low, high: registers or constants; to EDI, in 32- and 64-bit code. No flag changes: they need
; not be saved, and where some are undefined that does not show in memory.
%macro entry 3-4 0
    mov dword [edi], %1
    mov dword [edi + 4], %2
    mov dword [edi + 8], %3
    mov dword [edi + 12], %4
    lea edi, [edi + 16]
%endmacro

    section .text
    bits 32

; EAX: number of the behaviour that begins. Clobbers eax.
log_begin:
    imul eax, ENTRIES * 16
    add eax, log
    mov [log_next], eax
    ret

; EAX: the string. Clobbers edi.
log_name:
    mov edi, [log_next]
    entry NAME, eax, 0
    mov [log_next], edi
    ret

; ---- see ----

; On the stack: label, value.
frame_see32:
    push edi
    push eax
    push edx
    mov edi, [log_next]
    mov eax, [esp + 16]
    mov edx, [esp + 20]
    entry LINE, eax, edx
    mov [log_next], edi
    pop edx
    pop eax
    pop edi
    ret 8

    bits 64
%macro begin_see64 0
    push rdi
    push rax
    push rdx
    push rcx
    mov edi, [log_next]
    mov eax, [rsp + 40]
    mov edx, [rsp + 48]
    mov ecx, [rsp + 52]
%endmacro
frame_see64:
    begin_see64
    entry LINE + WIDE, eax, edx, ecx
    jmp end_see64
frame_see64_low:
    begin_see64
    entry LINE, eax, edx
end_see64:
    mov [log_next], edi
    pop rcx
    pop rdx
    pop rax
    pop rdi
    ret 16

; ---- exceptions ----

%define HAS_ERROR_CODE 0x60227d00

; %1: what pushes a word, %2: where the stubs go on
%macro stubs 2
%assign vector 0
%rep VECTORS
    align 16
    %if vector >= 32
    push %1 0
    %elif (HAS_ERROR_CODE >> vector & 1) == 0
    push %1 0
    %endif
    push %1 vector
    jmp near %2
%assign vector vector + 1
%endrep
%endmacro

    bits 32
    align 16
vector_stubs32:
    stubs dword, caught32

%macro more32 2 ; name, place
    mov eax, %2
    entry LINE + MORE, name_%1, eax
%endmacro

; At EBP: DS, what PUSHAD pushes, vector, error code, EIP, CS, EFLAGS, and from level 3 ESP, SS.
caught32:
    pushad
    push ds
    mov ebp, esp
    mov eax, SEL_DATA
    mov ds, eax
    cld
    mov edi, [log_next]
    mov ecx, [ebp + 36] ; vector
    lea edx, [vector_names + ecx * 4]
    mov eax, [ebp + 40]
    entry LINE, edx, eax
    cmp ecx, VECTOR_PF
    jne .no_cr2
    more32 cr2, cr2
.no_cr2:
    more32 ip, [ebp + 44]
    more32 cs, [ebp + 48]
    more32 flags, [ebp + 52]
    test byte [ebp + 48], 3
    jz .same_level
    more32 sp, [ebp + 56]
    more32 ss, [ebp + 60]
    jmp .registers
.same_level:
    lea eax, [ebp + 56]
    entry LINE + MORE, name_sp, eax
.registers:
    more32 ax, [ebp + 32]
    more32 cx, [ebp + 28]
    more32 dx, [ebp + 24]
    more32 bx, [ebp + 20]
    more32 bp, [ebp + 12]
    more32 si, [ebp + 8]
    more32 di, [ebp + 4]
    mov eax, [resume]
    test eax, eax
    jz .unexpected
    mov [log_next], edi
    mov [resume_at], eax
    mov dword [resume], 0
    mov eax, [ebp + 32]
    mov ecx, [ebp + 28]
    mov edx, [ebp + 24]
    mov ebx, [ebp + 20]
    mov esi, [ebp + 8]
    mov edi, [ebp + 4]
    mov ebp, [ebp + 12]
    mov ss, [data_selector]
    mov esp, [resume_sp]
    push dword 2
    popfd
    jmp [resume_at]
.unexpected:
    entry LINE, name_unexpected, 0
    mov [log_next], edi
    jmp frame_done

    bits 64
    align 16
vector_stubs64:
    stubs qword, caught64

%macro more64 2 ; name, offset of the place from RBP
    mov eax, [rbp + %2]
    mov edx, [rbp + %2 + 4]
    entry LINE + WIDE + MORE, name_%1, eax, edx
%endmacro

; At RBP: the registers, vector, error code, RIP, CS, RFLAGS, RSP, SS.
caught64:
    push rax
    push rcx
    push rdx
    push rbx
    push rbp
    push rsi
    push rdi
    mov rbp, rsp
    cld
    mov edi, [log_next]
    mov ecx, [rbp + 56]
    lea edx, [vector_names + ecx * 4]
    mov eax, [rbp + 64]
    entry LINE, edx, eax
    cmp ecx, VECTOR_PF
    jne .no_cr2
    mov rax, cr2
    mov rdx, rax
    shr rdx, 32
    entry LINE + WIDE + MORE, name_cr2, eax, edx
.no_cr2:
    more64 ip, 72
    more64 cs, 80
    more64 flags, 88
    more64 sp, 96
    more64 ss, 104
    more64 ax, 48
    more64 cx, 40
    more64 dx, 32
    more64 bx, 24
    more64 bp, 16
    more64 si, 8
    more64 di, 0
%assign n 8
%rep 8
    mov rdx, r%+n
    mov eax, edx
    shr rdx, 32
    entry LINE + WIDE + MORE, name_r%+n, eax, edx
%assign n n + 1
%endrep
    mov eax, [resume]
    test eax, eax
    jz .unexpected
    mov [log_next], edi
    mov [resume_at], rax
    mov dword [resume], 0
    xor edx, edx
    mov ss, edx
    pop rdi
    pop rsi
    pop rbp
    pop rbx
    pop rdx
    pop rcx
    pop rax
    mov rsp, [resume_sp]
    push 2
    popfq
    jmp [resume_at]
.unexpected:
    entry LINE, name_unexpected, 0
    mov [log_next], edi
    jmp frame_abandon64

; to_ring0: goes on behind the INT.
    bits 32
vector_to_ring0_32:
    pop dword [ring0_return]
    push eax
    mov eax, SEL_DATA
    mov ds, eax
    mov es, eax
    pop eax
    mov esp, stack
    jmp [ring0_return]
    bits 64
vector_to_ring0_64:
    pop qword [ring0_return64]
    mov esp, stack
    jmp [ring0_return64]

    section .data
    align 8
ring0_return64:
    dq 0

; ---- real mode ----

RECORD equ 8 ; dd label, dw value, dw kind

    section .low progbits alloc exec write align=16
    bits 16
real_resume:
    dw 0
real_resume_sp:
    dw 0
real_log_next:
    dw real_log
real_log:
    times 256 * RECORD db 0

%macro entry16 3 ; kind, label, value; CS: may be written in real mode
    mov dword [cs:di], %2
    mov word [cs:di + 4], %3
    mov word [cs:di + 6], %1
    add di, RECORD
%endmacro

; On the stack: a label of 4 bytes, the value.
frame_see16:
    pushf
    push bp
    mov bp, sp
    push di
    push ax
    push edx
    mov di, [cs:real_log_next]
    mov edx, [bp + 6]
    mov ax, [bp + 10]
    entry16 LINE, edx, ax
    mov [cs:real_log_next], di
    pop edx
    pop ax
    pop di
    pop bp
    popf
    ret 6

    align 16
real_stubs:
%assign vector 0
%rep VECTORS
    align 8
    push word vector
    jmp near caught16
%assign vector vector + 1
%endrep

%macro more16 2
    mov ax, %2
    entry16 LINE + MORE, name_%1, ax
%endmacro

; At BP: what PUSHA pushes, vector, IP, CS, FLAGS.
caught16:
    pusha
    mov bp, sp
    cld
    mov di, [cs:real_log_next]
    movzx edx, word [bp + 16]
    lea edx, [vector_names + edx * 4]
    entry16 LINE, edx, 0
    more16 ip, [bp + 18]
    more16 cs, [bp + 20]
    more16 flags, [bp + 22]
    lea ax, [bp + 24]
    entry16 LINE + MORE, name_sp, ax
    more16 ax, [bp + 14]
    more16 cx, [bp + 12]
    more16 dx, [bp + 10]
    more16 bx, [bp + 8]
    more16 bp, [bp + 4]
    more16 si, [bp + 2]
    more16 di, [bp + 0]
    mov ax, [cs:real_resume]
    test ax, ax
    jz .unexpected
    mov [cs:real_log_next], di
    mov word [cs:real_resume], 0
    mov sp, [cs:real_resume_sp]
    push word 2
    popf
    jmp ax
.unexpected:
    entry16 LINE, name_unexpected, 0
    mov [cs:real_log_next], di
    jmp frame_abandon_real

    section .text
    bits 32
; What real mode has seen, into the log. 32 bits, flat; keeps all registers.
log_take_real:
    pushad
    mov edi, [log_next]
    mov esi, real_log
    movzx ecx, word [real_log_next]
.next:
    cmp esi, ecx
    jae .all
    mov eax, [esi]
    movzx edx, word [esi + 4]
    movzx ebx, word [esi + 6]
    entry ebx, eax, edx
    add esi, RECORD
    jmp .next
.all:
    mov [log_next], edi
    mov word [real_log_next], real_log
    popad
    ret

; ---- printing ----

; EBP: number of the behaviour. Clobbers all.
log_print:
    imul ebp, ENTRIES * 16
    add ebp, log
.next:
    mov eax, [ebp]
    test eax, eax
    jz .all
    test eax, NAME
    jnz .name
    test eax, MORE
    jnz .more
    print 10, "  "
    jmp .label
.more:
    print " "
.label:
    mov esi, [ebp + 4]
    puts_esi
    print " "
    test dword [ebp], WIDE
    jz .low
    mov ecx, [ebp + 12]
    put_hex
.low:
    mov ecx, [ebp + 8]
    put_hex
    add ebp, 16
    jmp .next
.name:
    print 10
    mov esi, [ebp + 4]
    puts_esi
    add ebp, 16
    jmp .next
.all:
    ret
