; HLT goes on behind itself when the interrupt's handler returns; one that waits already ends it at once.
%include "behaviour.inc"
    behaviour PROTECTED
    gate VECTOR_IRQ, .handler, INTERRUPT_GATE
    irq_init
    irq_start 50
    sti
    hlt
    inc ecx
    cli
    see "after the first", ecx
    irq_request
    sti
    hlt
    inc ecx
    cli
    see "after the second", ecx
    done
.handler:
    see "ip", [esp]
    push eax
    irq_end
    pop eax
    iretd
