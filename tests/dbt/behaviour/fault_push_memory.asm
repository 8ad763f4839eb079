; PUSH of an absent operand, and onto an absent stack; POP to an absent place: ESP stays. POP's address is
; computed with ESP already moved (SDM Vol. 2B, POP).
%include "behaviour.inc"
    behaviour PAGED
    mov dword [PTE32(WINDOW)], 0
    catch .operand
    push dword [WINDOW + 4]
.operand:
    mov dword [WINDOW + PAGE + 8], 0x55555555
    catch_anew .stack
    to_ring3
    mov esp, WINDOW + PAGE
    push dword [WINDOW + PAGE + 8]
.stack:
    push dword 0x12345678
    catch .pop
    pop dword [WINDOW + 8]
.pop:
    pop eax
    see "still there", eax
    push dword 1
    push dword 2
    pop dword [esp]
    pop ecx
    see "pop [esp]", ecx
    push dword 3
    push dword 4
    pop dword [esp + 4]
    pop ecx
    see "3", ecx
    done
