; An interrupt that waits is taken behind the instruction after STI, and not at all between STI and CLI.
%include "behaviour.inc"
    behaviour PROTECTED
    gate VECTOR_IRQ, .handler, INTERRUPT_GATE
    irq_init
    irq_request
    sti
    cli
    see "not between sti and cli", ecx
    sti
    inc ecx
    inc ecx
    inc ecx
    cli
    see "ecx", ecx
    irq_request
    sti
    sti
    inc ecx
    inc ecx
    cli
    irq_request
    sti
    jmp .there
.there:
    inc ecx
    cli
    irq_request
    sti
    mov [stack_user - 4], ecx
    inc ecx
    cli
    done
.handler:
    see "ip", [esp]
    see "ecx then", ecx
    see "flags", [esp + 8]
    push eax
    irq_end
    pop eax
    iretd
