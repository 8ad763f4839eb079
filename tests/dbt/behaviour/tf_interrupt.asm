; TF and INT n, INT3, INTO, a fault: the handler begins without TF and without a trap before its first
; instruction; the next trap comes behind the first instruction after IRET.
%include "behaviour.inc"
    behaviour PROTECTED
    gate 1, .trap, INTERRUPT_GATE
    gate 3, .handler, INTERRUPT_GATE
    gate 4, .handler, TRAP_GATE
    gate 6, .fault, INTERRUPT_GATE
    gate 0x41, .handler, TRAP_GATE
    mov dword [stack_user - 4], 0
    push dword FLAG_TF + 2
    popfd
    int 0x41
    nop
    int3
    nop
    mov eax, 0x7fffffff
    inc eax
    into
    nop
    ud2
    nop
    push dword 2
    popfd
    done
.trap:
    see "trap", [esp]
    push eax
    mov eax, dr6
    see "dr6", eax
    mov eax, 0xffff0ff0
    mov dr6, eax
    pop eax
    iretd
.handler:
    see "handler", [esp]
    see "flags", [esp + 8]
    see_flags "flags now", FLAG_TF
    iretd
.fault:
    see "fault", [esp]
    see "flags", [esp + 8]
    add dword [esp], 2
    iretd
