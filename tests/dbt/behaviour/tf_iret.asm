; IRET and POPF that set TF: the first trap comes behind the next instruction. IRET that clears it: one trap,
; of itself.
%include "behaviour.inc"
    behaviour PROTECTED
    gate 1, .handler, INTERRUPT_GATE
    push dword FLAG_TF + 2
    push dword SEL_CODE
    push dword .set
    iretd
.set:
    inc ecx
    push dword 2
    push dword SEL_CODE
    push dword .clear
    iretd
.clear:
    inc ecx
    inc ecx
    o16 pushf
    or word [esp], FLAG_TF
    o16 popf
    inc ecx
    o16 pushf
    and word [esp], ~FLAG_TF
    o16 popf
    inc ecx
    done
.handler:
    see "ip", [esp]
    see "ecx", ecx
    iretd
