; POPAD up into an absent page: no register changes.
%include "behaviour.inc"
    behaviour PAGED
    mov dword [PTE32(WINDOW + PAGE)], 0
    mov dword [WINDOW + PAGE - 4], 0x12345678
    mov dword [WINDOW + PAGE - 8], 0x12345678
    mov edi, 0xd1d1d1d1
    mov esi, 0x51515151
    catch_anew .after
    to_ring3
    mov esp, WINDOW + PAGE - 8
    popad
.after:
    catch_anew .words
    to_ring3
    mov esp, WINDOW + PAGE - 3
    popa
.words:
    done
