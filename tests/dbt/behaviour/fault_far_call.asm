; CALL FAR whose second push faults; RET FAR whose second word does.
%include "behaviour.inc"
    behaviour PAGED
    mov dword [PTE32(WINDOW)], 0
    catch_anew .call
    to_ring3
    mov esp, WINDOW + PAGE + 4
    call SEL_USER_CODE:.call
.call:
    see "pushed", [WINDOW + PAGE]
    mov dword [PTE32(WINDOW + 2 * PAGE)], 0
    mov dword [WINDOW + 2 * PAGE - 4], .call
    catch_anew .return
    to_ring3
    mov esp, WINDOW + 2 * PAGE - 4
    retf
.return:
    catch_anew .interrupt_return
    to_ring3
    mov esp, WINDOW + 2 * PAGE - 8
    iretd
.interrupt_return:
    catch_anew .pointer ; the far pointer's selector is on the absent page
    to_ring3
    jmp far [WINDOW + 2 * PAGE - 4]
.pointer:
    done
