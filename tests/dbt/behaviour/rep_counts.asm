; Counts of 0, with operands that are absent; what ends REPE and REPNE; ECX and the pointers after each.
%include "behaviour.inc"
    behaviour PAGED
    mov dword [PTE32(WINDOW)], 0
    mov esi, WINDOW
    mov edi, WINDOW
    mov ecx, 0
    cmp ecx, 0
    rep movsb
    rep stosd
    rep lodsb
    stc
    repe cmpsd
    repne scasb
    see_flags "flags stay", FLAG_CF | FLAG_ZF
    see "esi", esi
    see "edi", edi
    mov esi, .text
    mov edi, .other
    mov ecx, 8
    repe cmpsb
    see "repe cmpsb", ecx
    see_flags "flags", FLAG_CF | FLAG_ZF
    mov edi, .text
    mov ecx, 8
    mov eax, 'f'
    repne scasb
    see "repne scasb", ecx
    mov edi, .text
    mov ecx, 8
    mov eax, 'z'
    repne scasb
    see "not found", ecx
    see_flags "flags", FLAG_ZF
    mov edi, .zeros
    mov ecx, 4
    mov eax, 0
    repe scasd
    see "repe scasd", ecx
    mov esi, .text
    mov ecx, 2
    rep lodsw
    see "rep lodsw", eax
    done
.text:
    db "abcdefgh"
.other:
    db "abcdeFgh"
.zeros:
    dd 0, 0, 1, 0
