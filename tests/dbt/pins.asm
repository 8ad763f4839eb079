; The instructions whose translation is pinned (pin.c, pinned_code.txt): each with
; the machine it stands in, what is recorded, and whether the flags before it are
; read later.
;
;     machine MACHINE         from here on
;     pin RECORDS, FLAGS, instruction
;     pin_records FLAGS, instruction      recording nothing; writes; reads and writes
;
; As the file that pin.c reads: machine, records, flags, length, the instruction's bytes.

%define M64 0         ; 64-bit, paging
%define M64_USER 1    ; and CPL 3
%define M32 2         ; 32-bit, flat segments, no paging
%define M32_PAGED 3   ; and paging
%define M16 4         ; 16-bit, segments without limits
%define M16_REAL 5    ; real mode: bases, and limits that have to be checked
%define M32_LIMITED 6 ; 32-bit, DS with a base and a limit

NONE equ 0
WRITES equ 1
ALL equ 2
RANGES equ 3  ; all, but where the filter lets by some addresses only
DROPPED equ 4 ; nothing: the filter does not let code of this kind by

DEAD equ 0 ; the next instruction sets the flags anew
LIVE equ 1
HEAD equ 2 ; live, and the block's head is shown
BLOCK equ 3 ; the code is a block, all of which is shown

%macro machine 1
%assign current %1
%if %1 == M64 || %1 == M64_USER
    bits 64
%elif %1 == M16 || %1 == M16_REAL
    bits 16
%else
    bits 32
%endif
%endmacro

%macro pin 3+
    db current, %1, %2, %%end - %%start
%%start:
    %3
%%end:
%endmacro

%macro pin_records 2+
    pin NONE, %1, %2
    pin WRITES, %1, %2
    pin ALL, %1, %2
%endmacro

; ---- 64-bit code ----

machine M64

; heads
pin NONE, HEAD, mov eax, [rbx]
pin ALL, HEAD, mov [rbx], eax
pin RANGES, HEAD, mov [rbx], eax
pin DROPPED, HEAD, mov [rbx], eax
pin RANGES, DEAD, mov [rbx], eax
pin RANGES, LIVE, add [rbx], eax
pin RANGES, LIVE, push qword [rbx]
pin RANGES, DEAD, div dword [rbx]

; loads and stores
pin_records LIVE, mov rax, [rbx + 8]
pin_records LIVE, mov [rbx + 8], rax
pin_records DEAD, mov [rbx + rcx * 4], eax
pin WRITES, LIVE, mov byte [rbx], 5
pin WRITES, DEAD, mov qword [rbx], -2
pin WRITES, DEAD, mov [rbx], ah
pin WRITES, DEAD, mov [rbx], sil
pin WRITES, DEAD, mov [rbx], r12w
pin ALL, LIVE, movzx eax, byte [rbx]
pin ALL, LIVE, movsxd rax, [rbx]
pin ALL, LIVE, mov r12, [r13]
pin ALL, LIVE, mov [r14 + r15 * 8 + 0x10], r12
pin ALL, DEAD, mov rax, [r12 + rcx]
pin ALL, DEAD, mov eax, [rel $ + 0x100]
pin ALL, DEAD, mov eax, [fs:0x28]
pin ALL, DEAD, mov rax, [gs:rbx]
pin ALL, DEAD, mov eax, [ebx]
pin ALL, LIVE, mov al, [qword 0x123456789a]
pin WRITES, DEAD, movnti [rbx], eax

; reads and writes in one
pin_records LIVE, add [rbx], eax
pin NONE, LIVE, inc dword [rbx]
pin ALL, DEAD, inc dword [rbx]
pin ALL, LIVE, sbb r12, [rbx]
pin ALL, LIVE, cmp byte [rbx], 3
pin ALL, LIVE, shl dword [rbx], cl
pin ALL, LIVE, neg qword [r12]
pin ALL, LIVE, setc [rbx]
pin ALL, LIVE, cmovz eax, [rbx]
pin ALL, LIVE, xchg [rbx], rax
pin ALL, LIVE, lock xadd [rbx], eax
pin ALL, LIVE, lock cmpxchg [rbx], ecx
pin ALL, LIVE, cmpxchg16b [rbx]
pin ALL, LIVE, bts dword [rbx], 3
pin ALL, LIVE, bts [rbx], eax
pin ALL, LIVE, div dword [rbx]
pin ALL, LIVE, imul rax, [rbx], 7

; no memory: as they are, but for stolen registers
pin NONE, LIVE, add eax, ebx
pin NONE, LIVE, add r12, rax
pin NONE, LIVE, adc r12, r13
pin NONE, LIVE, mov r12d, eax
pin NONE, LIVE, mov r12b, al
pin NONE, LIVE, mov ah, bl
pin NONE, LIVE, shl r12, cl
pin NONE, LIVE, mul r12
pin NONE, LIVE, div ecx
pin NONE, LIVE, imul r12, r13, 7
pin NONE, LIVE, bswap r12
pin NONE, LIVE, setc r12b
pin NONE, LIVE, cmovz r12, rax
pin NONE, LIVE, xchg r12, r13
pin NONE, LIVE, lea rax, [rbx + rcx * 2 + 9]
pin NONE, LIVE, lea r12, [r13 + r14 * 4 + 8]
pin NONE, LIVE, lea ax, [rbx]
pin NONE, LIVE, mulx r12, rax, rbx
pin NONE, LIVE, pext rax, r12, r13
pin NONE, LIVE, cdq
pin NONE, LIVE, mov r12, 0x123456789abcdef0
pin NONE, LIVE, nop

; stack
pin_records LIVE, push rbx
pin_records LIVE, pop rbx
pin WRITES, DEAD, push rsp
pin WRITES, DEAD, push r12
pin WRITES, DEAD, push -1
pin ALL, DEAD, push qword [rbx]
pin ALL, DEAD, pop qword [rbx]
pin ALL, DEAD, pop r12
pin ALL, LIVE, leave
pin_records LIVE, call $ + 0x40
pin ALL, LIVE, call [rbx]
pin ALL, LIVE, call r12
pin_records LIVE, ret
pin NONE, LIVE, ret 8

; branches
pin NONE, LIVE, jmp $ + 0x40
pin NONE, LIVE, jmp $ + 0x4000
pin NONE, LIVE, jz near $ + 0x40
pin NONE, LIVE, jmp rax
pin ALL, LIVE, jmp [rbx + rax * 8]
pin NONE, LIVE, loop $ + 0x10
pin NONE, LIVE, jrcxz $ + 0x10

; strings
pin_records LIVE, rep movsb
pin ALL, LIVE, movsq
pin ALL, LIVE, rep stosd
pin ALL, LIVE, lodsb
pin ALL, LIVE, repne scasb
pin ALL, LIVE, repe cmpsb

; x87, SSE, AVX
pin ALL, LIVE, fld qword [rbx]
pin ALL, LIVE, fstp tword [rbx]
pin NONE, LIVE, fmul st0, st1
pin ALL, DEAD, movaps xmm0, [rbx]
pin ALL, DEAD, movups [rbx], xmm1
pin ALL, DEAD, addsd xmm0, [r12]
pin NONE, LIVE, cvtsi2sd xmm0, r12
pin NONE, LIVE, movq r13, xmm0
pin ALL, LIVE, ucomisd xmm0, [rbx]
pin ALL, DEAD, vmovdqu ymm0, [rbx]
pin ALL, DEAD, vmovdqu [rbx], ymm0
pin NONE, LIVE, vaddps ymm1, ymm2, ymm3

; what C code executes
pin NONE, LIVE, cpuid
pin NONE, LIVE, syscall
pin NONE, LIVE, pushfq
pin NONE, LIVE, sti
pin NONE, LIVE, std
pin NONE, LIVE, ud2
pin NONE, LIVE, xlatb

machine M64_USER
pin ALL, DEAD, mov rax, [rbx]
pin ALL, LIVE, mov [rbx], rax

; ---- 32-bit code ----

machine M32
pin NONE, HEAD, mov eax, [ebx]
pin_records LIVE, mov eax, [ebx]
pin_records LIVE, mov [esp + 4], eax
pin ALL, LIVE, add [ebx + esi * 4 + 0x12345678], ecx
pin ALL, LIVE, mov [ebx], ch
pin ALL, LIVE, push eax
pin ALL, LIVE, pop eax
pin ALL, LIVE, call $ + 0x40
pin ALL, LIVE, ret
pin ALL, LIVE, rep movsd
pin NONE, LIVE, inc eax
pin NONE, LIVE, pusha
pin NONE, LIVE, jecxz $ + 0x10

; the benchmark's loops (guest/benchmark.asm)
%macro write_loop 0
%%again:
    inc eax
    mov [edi], eax
    dec ecx
    cmp ecx, edx
    jne %%again
%endmacro
%macro read_loop 0
%%again:
    mov eax, [edi]
    nop
    dec ecx
    cmp ecx, 0
    jne %%again
%endmacro
pin WRITES, BLOCK, write_loop
pin ALL, BLOCK, read_loop

machine M32_PAGED
pin ALL, LIVE, mov eax, [ebx]
pin ALL, DEAD, mov [ebx], eax

machine M32_LIMITED
pin ALL, DEAD, mov eax, [ebx]
pin ALL, DEAD, mov [es:ebx], eax

; ---- 16-bit code ----

machine M16
pin ALL, DEAD, mov ax, [bx + si + 4]
pin ALL, DEAD, mov [bp + 2], ax
pin ALL, LIVE, push ax
pin ALL, LIVE, rep stosw
pin NONE, LIVE, loop $ + 0x10

machine M16_REAL
pin ALL, DEAD, mov ax, [bx]
pin NONE, LIVE, jmp $ + 0x40

    db 0, 0, 0, 0
