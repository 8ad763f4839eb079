; PUSH and POP of every operand: ESP itself, segment registers of 16 and 32 bits, constants that are extended,
; through segment overrides.
%include "behaviour.inc"
    behaviour PROTECTED
    mov ebp, esp
    push esp
    pop eax
    sub eax, ebp
    see "push esp", eax
    push dword 0x1234
    push esp
    pop esp ; the value that was read
    pop eax
    see "pop esp", eax
    push byte -2
    pop eax
    see "extended", eax
    o16 push byte -3
    o16 push word 0x5555
    pop eax
    see "words", eax
    push dword -1
    push dword -1
    add esp, 8
    push fs
    push ds
    pop eax
    and eax, 0xffff
    see "ds", eax
    pop eax
    o16 push ds
    o16 push es
    pop eax
    see "ds, es", eax
    mov esi, esp
    push dword [ss:esi - 4]
    push dword [cs:.constant]
    pop dword [ds:stack_user - 4]
    pop ecx
    see "constant", [stack_user - 4]
    push dword [esp - 4]
    pop ecx
    mov eax, esp
    sub eax, ebp
    see "balance", eax
    done
.constant:
    dd 0x87654321
