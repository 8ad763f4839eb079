; The 16-byte call gate of IA-32e mode, from 64-bit and from compatibility mode of level 3: SS becomes null,
; no parameters, and back by RETFQ.
%include "behaviour.inc"
    behaviour LONG64
    mov eax, .inner
    mov [gdt + SEL_FREE], ax
    mov word [gdt + SEL_FREE + 2], SEL_CODE64
    mov word [gdt + SEL_FREE + 4], 0xec1f ; parameters do not count
    shr eax, 16
    mov [gdt + SEL_FREE + 6], ax
    mov qword [gdt + SEL_FREE + 8], 0
    to_ring3
    mov dword [rel .pointer], 0x12345678
    mov dword [rel .pointer + 4], SEL_FREE
    call far dword [rel .pointer]
    mov ebx, esp
    mov ebp, ss
    push SEL_USER_CODE
    push compatible
    o64 retf
.inner:
    push rax
    mov eax, ss
    see "ss", rax
    see "ip", qword [rsp + 8]
    see "cs", qword [rsp + 16]
    see "sp", qword [rsp + 24]
    see "ss before", qword [rsp + 32]
    pop rax
    o64 retf
.over:
    to_ring0
    see "rsp", rbx
    see "ss", rbp
    mov byte [gdt + SEL_FREE + 13], 1 ; the upper half's type
    catch .type
    call far dword [rel .pointer]
.type:
    mov byte [gdt + SEL_FREE + 13], 0
    mov word [gdt + SEL_FREE + 2], SEL_CODE ; no 64-bit code
    catch .no_64
    call far dword [rel .pointer]
.no_64:
    mov word [gdt + SEL_FREE + 2], SEL_CODE64
    ; An offset that is not canonical is left out: #GP comes before the pushes (SDM Vol. 2A, CALL), in Bochs after.
    done
.pointer:
    dd 0, 0
    code 32
compatible:
    call SEL_FREE:0
    mov ebx, esp
    jmp SEL_USER_CODE64:behaviour_start.over
