; An interrupt that waits is taken between two iterations of a REP, behind the first after STI; the frame
; shows the REP's own address, RF is set (SDM Vol. 3B, 17.3.1.1), and it goes on.
%include "behaviour.inc"
    behaviour PROTECTED
    gate VECTOR_IRQ, .handler, INTERRUPT_GATE
    irq_init
    irq_request
    mov esi, stack_user - 64
    mov edi, stack_user - 128
    mov ecx, 8
    sti
    rep movsd
    cli
    see "ecx", ecx
    see "edi", edi
    irq_request
    mov edi, stack_user - 128
    mov ecx, 5
    mov eax, 0
    push dword FLAG_IF + 2
    popfd
    rep stosb
    cli
    done
.handler:
    see "ecx then", ecx
    see "ip", [esp]
    see "flags", [esp + 8]
    irq_end
    iretd
