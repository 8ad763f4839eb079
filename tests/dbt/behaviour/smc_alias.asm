; Code is changed under another linear address of its page.
%include "behaviour.inc"
    behaviour PAGED
    mov byte [WINDOW], 0xb9 ; MOV ECX, constant; RET
    mov dword [WINDOW + 1], 0x11111111
    mov byte [WINDOW + 5], 0xc3
    mov eax, WINDOW
    call eax
    see "before", ecx
    mov dword [ALIASES + 1], 0x22222222
    call eax
    see "by the alias", ecx
    mov ebx, ALIASES
    call ebx
    see "run at the alias", ecx
    mov dword [WINDOW + 1], 0x33333333
    call ebx
    see "changed back", ecx
    mov dword [FRAME(0) + 1], 0x44444444 ; the frame 1:1
    call eax
    see "by the frame", ecx
    done
