; Stores across a page border with the second page absent, then read-only: #PF at the second page's first
; byte, and nothing is written on the first.
%include "behaviour.inc"
    behaviour PAGED
    mov dword [PTE32(WINDOW + PAGE)], 0
    mov eax, 0x12345678
    mov ebx, 0x9abcdef0
    catch .absent
    mov [WINDOW + PAGE - 2], eax
.absent:
    see "first page", [WINDOW + PAGE - 4]
    mov dword [PTE32(WINDOW + PAGE)], FRAME(1) + PTE_P
    catch .read_only
    mov [WINDOW + PAGE - 1], ax
.read_only:
    see "first page", [WINDOW + PAGE - 4]
    catch .modify
    add [WINDOW + PAGE - 3], eax
.modify:
    see "first page", [WINDOW + PAGE - 4]
    see "second page", [WINDOW + PAGE]
    catch .vector
    movups [WINDOW + PAGE - 9], xmm0
.vector:
    catch .x87
    fild dword [WINDOW]
    fstp tword [WINDOW + PAGE - 4] ; what a larger part on the first page becomes the SDM leaves open (Vol. 3A, 9.1.1)
.x87:
    mov dword [PTE32(WINDOW)], FRAME(0) + PTE_P
    invlpg [WINDOW]
    catch .first
    mov [WINDOW + PAGE - 2], eax
.first:
    done
