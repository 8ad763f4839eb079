; DF: backwards, with every size, overlapping; STD and CLD between them.
%include "behaviour.inc"
    behaviour PAGED
    mov dword [WINDOW + 0x10], 0x44332211
    mov dword [WINDOW + 0x14], 0x88776655
    std
    mov esi, WINDOW + 0x17
    mov edi, WINDOW + 0x19
    mov ecx, 8
    rep movsb
    see "esi", esi
    see "edi", edi
    see_memory "moved", WINDOW + 0x10, 3
    cld
    mov esi, WINDOW + 0x10
    mov edi, WINDOW + 0x12
    mov ecx, 4
    rep movsw
    see_memory "overlapping", WINDOW + 0x10, 3
    std
    mov eax, 0x99999999
    mov edi, WINDOW + PAGE + 4
    mov ecx, 3
    rep stosd ; across the page border, downwards
    see "edi", edi
    see_memory "stored", WINDOW + PAGE - 4, 3
    mov edi, WINDOW + 2 * PAGE + 1
    mov ecx, 2
    rep stosw
    see "edi", edi
    lodsd
    see "esi", esi
    pushfd
    pop eax
    and eax, FLAG_DF
    see "df", eax
    cld
    done
