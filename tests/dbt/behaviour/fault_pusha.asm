; PUSHAD down into an absent page: ESP stays, and what was pushed before the fault is in memory.
%include "behaviour.inc"
    behaviour PAGED
    mov dword [PTE32(WINDOW)], 0
    mov eax, 0xa0a0a0a0
    mov ecx, 0xc0c0c0c0
    mov edx, 0xd0d0d0d0
    mov esi, 0x51515151
    catch_anew .after
    to_ring3
    mov esp, WINDOW + PAGE + 10
    pushad
.after:
    see_memory "pushed", WINDOW + PAGE, 4
    done
