; A linear page gets another frame: other code runs there. INVLPG comes in between.
%include "behaviour.inc"
    behaviour PAGED
    mov byte [WINDOW], 0xb9 ; MOV ECX, 1; RET
    mov dword [WINDOW + 1], 1
    mov byte [WINDOW + 5], 0xc3
    mov byte [WINDOW + PAGE], 0xb9
    mov dword [WINDOW + PAGE + 1], 2
    mov byte [WINDOW + PAGE + 5], 0xc3
    mov esi, WINDOW
    mov ebp, 2
.again:
    call esi
    add edi, ecx
    call esi
    add edi, ecx
    mov eax, [PTE32(WINDOW + PAGE)]
    mov [PTE32(WINDOW)], eax
    invlpg [WINDOW]
    dec ebp
    jnz .again
    see "sum", edi ; 1 + 1 + 2 + 2
    done
