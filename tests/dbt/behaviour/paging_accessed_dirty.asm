; A and D are set by the first access and the first write, on every level, and again after they were cleared
; and INVLPG.
%include "behaviour.inc"
    behaviour PAGED
    mov eax, [WINDOW]
    see "pde", [page_directory + (WINDOW >> 22) * 4]
    see "pte read", [PTE32(WINDOW)]
    mov [WINDOW], eax
    see "pte written", [PTE32(WINDOW)]
    mov [WINDOW + PAGE], eax
    see "pte of a write", [PTE32(WINDOW + PAGE)]
    and dword [PTE32(WINDOW)], ~(PTE_A | PTE_D)
    invlpg [WINDOW]
    mov eax, [WINDOW]
    see "read again", [PTE32(WINDOW)]
    and dword [PTE32(WINDOW)], ~PTE_A
    mov eax, cr3
    mov cr3, eax
    inc dword [WINDOW]
    see "modified", [PTE32(WINDOW)]
    mov eax, [WINDOW + 2 * PAGE - 2]
    see "crossing", [PTE32(WINDOW + 2 * PAGE)]
    mov byte [WINDOW + 3 * PAGE], 0xc3
    call WINDOW + 3 * PAGE
    mov dword [PTE32(WINDOW + 4 * PAGE)], FRAME(3) + PTE_P
    call WINDOW + 4 * PAGE
    see "executed", [PTE32(WINDOW + 4 * PAGE)]
    mov dword [page_directory + 15 * 4], 0x1000000 + PTE_P + PTE_W + PTE_PS
    mov eax, [15 * 0x400000]
    see "4 MiB read", [page_directory + 15 * 4]
    mov [15 * 0x400000], eax
    see "4 MiB written", [page_directory + 15 * 4]
    done
