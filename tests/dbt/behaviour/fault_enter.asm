; ENTER with nesting: a frame pointer to read is absent, a place to push is, the end of what is reserved is.
; Neither EBP nor ESP changes (SDM Vol. 2A, ENTER).
%include "behaviour.inc"
    behaviour PAGED
    mov dword [PTE32(WINDOW)], 0
    mov dword [PTE32(WINDOW + 2 * PAGE)], 0
    mov dword [WINDOW + PAGE + 0x100], 0x11111111
    mov ebp, WINDOW + PAGE + 8
    mov ecx, stack_user
    catch_anew .read
    to_ring3
    mov esp, WINDOW + PAGE + 0x200
    enter 16, 4
.read:
    see_memory "pushed", WINDOW + PAGE + 0x1f0, 4
    mov ebp, WINDOW + PAGE + 0x104
    catch_anew .push
    to_ring3
    mov esp, WINDOW + PAGE + 8
    enter 16, 3
.push:
    see_memory "pushed", WINDOW + PAGE, 2
    catch_anew .reserved
    to_ring3
    mov esp, WINDOW + PAGE + 0x10
    enter 0x20, 0
.reserved:
    see_memory "pushed", WINDOW + PAGE + 0xc, 1
    to_ring3
    mov esp, WINDOW + PAGE + 0x300
    enter 0x20, 3
    mov esi, esp
    to_ring0
    see "ebp", ebp
    see "esp", esi
    see_memory "frame", WINDOW + PAGE + 0x2f0, 4
    done
