; MOV SS and POP SS hold an interrupt off for one instruction; POPF and IRET that set IF do not.
%include "behaviour.inc"
    behaviour PROTECTED
    gate VECTOR_IRQ, .handler, INTERRUPT_GATE
    irq_init
    mov edx, SEL_DATA
    irq_request
    sti
    mov ss, edx ; in the shadow of STI
    inc ecx     ; in that of MOV SS
    inc ecx
    cli
    irq_request
    push ss
    sti
    pop ss
    inc ecx
    inc ecx
    cli
    irq_request
    push dword FLAG_IF + 2
    popfd
    inc ecx
    cli
    irq_request
    push dword FLAG_IF + 2
    push dword SEL_CODE
    push dword .back
    iretd
.back:
    inc ecx
    cli
    done
.handler:
    see "ip", [esp]
    see "ecx then", ecx
    push eax
    irq_end
    pop eax
    iretd
