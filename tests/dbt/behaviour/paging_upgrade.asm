; What a page gains needs no INVLPG: present, writable, user (SDM Vol. 3A, 4.10.4.3: after a fault the
; processor looks again).
%include "behaviour.inc"
    behaviour PAGED
    mov dword [PTE32(WINDOW)], FRAME(0)
    catch .absent
    mov eax, [WINDOW]
.absent:
    mov dword [PTE32(WINDOW)], FRAME(0) + PTE_P
    mov eax, [WINDOW]
    catch .read_only
    mov [WINDOW], eax
.read_only:
    mov dword [PTE32(WINDOW)], FRAME(0) + PTE_P + PTE_W
    mov dword [WINDOW], 1
    mov ebx, [WINDOW]
    catch_anew .supervisor
    to_ring3
    mov eax, [WINDOW]
.supervisor:
    or dword [PTE32(WINDOW)], PTE_U
    to_ring3
    mov ecx, [WINDOW]
    inc dword [WINDOW]
    to_ring0
    see "sum", [WINDOW]
    done
