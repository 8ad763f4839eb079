; MOV SS and POP SS hold the trap off until the next instruction is over (SDM Vol. 3A, 6.8.3).
%include "behaviour.inc"
    behaviour PROTECTED
    gate 1, .handler, INTERRUPT_GATE
    mov eax, SEL_DATA
    push dword FLAG_TF + 2
    popfd
    mov ss, eax
    inc ecx
    inc ecx
    push ss
    pop ss
    inc ecx
    inc ecx
    mov ds, eax
    inc ecx
    push dword 2
    popfd
    done
.handler:
    see "ip", [esp]
    see "ecx", ecx
    iretd
