; TF: the trap behind every instruction shows the next one's address and TF set; DR6.BS is set and stays until
; software clears it.
%include "behaviour.inc"
    behaviour PROTECTED
    gate 1, .handler, INTERRUPT_GATE
    mov eax, dr6
    see "dr6 before", eax
    push dword FLAG_TF + 2
    popfd ; no trap behind this one
    nop
    inc ecx
    add dword [stack_user - 4], ecx
    jmp .there
    ud2
.there:
    call .routine
    push ecx
    pop ecx
    loop .end
.end:
    clts
    mov ecx, dr6
    pushfd
    and dword [esp], ~FLAG_TF
    popfd ; the last trap
    nop
    mov eax, dr6
    see "dr6 after", eax
    mov eax, 0xffff0ff0
    mov dr6, eax
    mov eax, dr6
    see "dr6 cleared", eax
    done
.routine:
    ret
.handler:
    see "ip", [esp]
    see "flags", [esp + 8]
    iretd
