; 16-bit protected mode: 32-bit operands and addresses by prefix, IP that wraps, a 32-bit stack under 16-bit
; code.
%include "behaviour.inc"
    behaviour PROTECTED
    descriptor SEL_FREE, 0, 0xfffff, ACCESS_DATA | ACCESS_32 | ACCESS_PAGES
    gate 0x41, .back, INTERRUPT_GATE
    jmp SEL_CODE16:narrow
.back:
    mov ebp, esp
    see "eax", eax
    see "ebx", ebx
    see "ecx", ecx
    see "edx", edx
    see "esi", esi
    see "edi", edi
    see "ip", [ebp]
    see "cs", [ebp + 4]
    done
    code 16
narrow:
    mov eax, 0x12345678
    mov ebx, .data
    mov ecx, [ebx]
    mov dx, [bx + 2]
    push eax ; ESP is 32 bits wide here
    push word 7
    pop si
    pop edi
    call .routine
    call dword .routine32
    jmp dword .there
.there:
    mov dx, sp
    jmp near .wrap
.data:
    dd 0x87654321
.routine:
    inc si
    ret
.routine32:
    inc si
    o32 ret
.wrap:
    int 0x41
