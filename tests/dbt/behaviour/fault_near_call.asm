; CALL, RET, PUSH, POP, LEAVE on stacks that are not there.
%include "behaviour.inc"
    behaviour PAGED
    mov dword [PTE32(WINDOW)], 0
    catch_anew .call
    to_ring3
    mov esp, WINDOW + PAGE
    call .call
.call:
    catch_anew .indirect ; the target is read before the push
    mov dword [WINDOW + PAGE + 16], .call
    to_ring3
    mov esp, WINDOW + PAGE
    call [WINDOW + PAGE + 16]
.indirect:
    catch_anew .return
    to_ring3
    mov esp, WINDOW + PAGE - 4
    ret 8
.return:
    catch_anew .push
    to_ring3
    mov esp, WINDOW + PAGE + 2
    push dword 0x12345678
.push:
    see "not pushed", [WINDOW + PAGE]
    catch_anew .pop
    to_ring3
    mov esp, WINDOW + PAGE - 2
    pop eax
.pop:
    catch_anew .leave
    mov ebp, WINDOW + 8
    to_ring3
    leave
.leave:
    done
