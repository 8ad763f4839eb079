; An instruction across a page border is changed on its second page only.
%include "behaviour.inc"
    behaviour PAGED
    mov edi, WINDOW + PAGE - 3
    mov byte [edi], 0xb9 ; MOV ECX, 11223344H; RET
    mov dword [edi + 1], 0x11223344
    mov byte [edi + 5], 0xc3
    call edi
    see "before", ecx
    mov byte [WINDOW + PAGE], 0x55
    call edi
    see "second page", ecx
    mov byte [WINDOW + PAGE - 1], 0x66
    call edi
    see "first page", ecx
    done
