; MOV CR3 to other tables: data and code are the new ones at once.
%include "behaviour.inc"
    behaviour PAGED
    mov esi, page_directory ; a second directory, in the aliases' frames
    mov edi, FRAME(6)
    mov ecx, 1024
    rep movsd
    mov dword [FRAME(6) + (WINDOW >> 22) * 4], FRAME(7) + PTE_P + PTE_W
    mov dword [FRAME(7)], FRAME(1) + PTE_P + PTE_W
    mov byte [WINDOW], 0xb9
    mov dword [WINDOW + 1], 0x11111111
    mov byte [WINDOW + 5], 0xc3
    mov byte [WINDOW + PAGE], 0xb9
    mov dword [WINDOW + PAGE + 1], 0x22222222
    mov byte [WINDOW + PAGE + 5], 0xc3
    mov ebp, 2
.again:
    call WINDOW
    see "ecx", ecx
    mov eax, FRAME(6)
    mov cr3, eax
    call WINDOW
    see "ecx", ecx
    see "data", [WINDOW + 1]
    mov eax, page_directory
    mov cr3, eax
    see "data", [WINDOW + 1]
    dec ebp
    jnz .again
    done
