; REP MOVSD, STOSB, CMPSB, SCASD run into absent pages: the handler sees how far they have come, maps the
; page, and they go on.
%include "behaviour.inc"
    behaviour PAGED
    gate 14, .handler, INTERRUPT_GATE
    call .unmap
    mov esi, stack_user - 64
    mov edi, WINDOW + PAGE - 8
    mov ecx, 6
    rep movsd
    see "ecx", ecx
    see "edi", edi
    call .unmap
    mov eax, 0x77
    mov edi, WINDOW + PAGE - 3
    mov ecx, 7
    rep stosb
    see "edi", edi
    call .unmap
    mov esi, WINDOW + PAGE - 2
    mov edi, WINDOW + 2 * PAGE - 2
    mov ecx, 10
    repe cmpsb
    see "esi", esi
    see "ecx", ecx
    see_flags "flags", FLAG_ZF | FLAG_CF
    call .unmap
    mov edi, WINDOW + PAGE - 3
    mov eax, 5
    mov ecx, 4
    repne scasd
    see "edi", edi
    see "ecx", ecx
    done
.unmap:
    mov dword [PTE32(WINDOW)], FRAME(0) + PTE_P + PTE_W
    mov dword [PTE32(WINDOW + PAGE)], 0
    mov dword [PTE32(WINDOW + 2 * PAGE)], 0
    mov eax, cr3
    mov cr3, eax
    ret
.handler:
    add esp, 4
    push eax
    mov eax, cr2
    see "address", eax
    see "ecx then", ecx
    see "esi then", esi
    see "edi then", edi
    see "flags then", [esp + 12]
    shr eax, 12
    and eax, 7
    cmp eax, 1
    jne .two
    mov dword [PTE32(WINDOW + PAGE)], FRAME(1) + PTE_P + PTE_W
.two:
    cmp eax, 2
    jne .mapped
    mov dword [PTE32(WINDOW + 2 * PAGE)], FRAME(2) + PTE_P + PTE_W
.mapped:
    pop eax
    iretd
