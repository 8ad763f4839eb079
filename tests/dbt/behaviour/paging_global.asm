; Global pages outlive MOV CR3, and no flush of CR4.PGE or INVLPG. That an old global translation is still
; used after MOV CR3 is allowed but not required (SDM Vol. 3A, 4.10.2.4: it may have been dropped at any
; time): where it would show is not looked at.
%include "behaviour.inc"
    behaviour PAGED
    mov eax, cr4
    or eax, CR4_PGE
    mov cr4, eax
    or dword [PTE32(WINDOW)], PTE_G
    mov dword [WINDOW], 0x11111111
    mov dword [WINDOW + PAGE], 0x22222222
    mov eax, cr3
    mov cr3, eax
    mov ebx, [WINDOW]
    see "same mapping", ebx
    mov ecx, [PTE32(WINDOW + PAGE)]
    or ecx, PTE_G
    mov [PTE32(WINDOW)], ecx
    mov edx, cr4
    and edx, ~CR4_PGE
    mov cr4, edx
    mov ebx, [WINDOW]
    see "after CR4.PGE", ebx
    or edx, CR4_PGE
    mov cr4, edx
    mov ebx, [WINDOW]
    mov dword [PTE32(WINDOW)], FRAME(2) + PTE_P + PTE_W + PTE_G
    mov dword [WINDOW + 2 * PAGE], 0x33333333
    invlpg [WINDOW]
    mov ebx, [WINDOW]
    see "after INVLPG", ebx
    mov dword [PTE32(WINDOW + PAGE)], FRAME(3) + PTE_P + PTE_W ; not global
    mov dword [WINDOW + 3 * PAGE], 0x44444444
    mov eax, cr3
    mov cr3, eax
    mov ebx, [WINDOW + PAGE]
    see "not global, after MOV CR3", ebx
    done
