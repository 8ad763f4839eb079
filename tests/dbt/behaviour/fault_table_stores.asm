; SGDT and LGDT across a page border, the second page absent: nothing is loaded, and of SGDT's two parts the
; first may be written (the SDM does not say; Bochs writes the limit).
%include "behaviour.inc"
    behaviour PAGED
    mov dword [PTE32(WINDOW + PAGE)], 0
    catch .store
    sgdt [WINDOW + PAGE - 2]
.store:
    see "limit", [WINDOW + PAGE - 4]
    catch .load
    lgdt [WINDOW + PAGE - 3]
.load:
    sgdt [WINDOW + 8]
    see_memory "gdtr", WINDOW + 8, 2
    done
