; Loads across a page border with the second page absent, then the first: the register stays.
%include "behaviour.inc"
    behaviour PAGED
    mov dword [PTE32(WINDOW + PAGE)], 0
    mov eax, 0x11111111
    catch .second
    mov eax, [WINDOW + PAGE - 1]
.second:
    see "eax", eax
    mov dword [PTE32(WINDOW + PAGE)], FRAME(1) + PTE_P + PTE_W
    mov dword [PTE32(WINDOW)], 0
    invlpg [WINDOW]
    catch .first
    mov eax, [WINDOW + PAGE - 3]
.first:
    see "eax", eax
    mov dword [PTE32(WINDOW)], FRAME(0) + PTE_P + PTE_W
    mov dword [WINDOW + PAGE - 4], 0x22334455
    mov dword [WINDOW + PAGE], 0x66778899
    mov eax, [WINDOW + PAGE - 2]
    see "eax", eax
    done
