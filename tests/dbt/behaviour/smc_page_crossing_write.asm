; One write changes code on two pages.
%include "behaviour.inc"
    behaviour PAGED
    mov edi, WINDOW + PAGE - 6
    mov byte [edi], 0xb9 ; MOV ECX, constant; MOV EDX, constant; RET
    mov dword [edi + 1], 0x11111111
    mov byte [edi + 5], 0xba
    mov dword [edi + 6], 0x22222222
    mov byte [edi + 10], 0xc3
    call edi
    see "ecx", ecx
    see "edx", edx
    mov dword [WINDOW + PAGE - 2], 0x4433ba33 ; a constant's end, an opcode, another's start
    call edi
    see "ecx", ecx
    see "edx", edx
    done
