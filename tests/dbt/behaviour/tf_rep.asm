; TF: a trap behind every iteration of a REP, and behind one that makes none (SDM Vol. 3B, 17.3.1.4).
%include "behaviour.inc"
    behaviour PROTECTED
    gate 1, .handler, INTERRUPT_GATE
    mov edi, stack_user - 64
    mov ecx, 3
    mov eax, 0
    push dword FLAG_TF + 2
    popfd
    rep stosd
    rep stosb
    mov ecx, 2
    mov esi, edi
    repe cmpsb
    push dword 2
    popfd
    nop
    done
.handler:
    see "ip", [esp]
    see "ecx", ecx
    see "flags", [esp + 8]
    push eax
    mov eax, dr6
    see "dr6", eax
    pop eax
    iretd
