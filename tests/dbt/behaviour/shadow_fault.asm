; The instruction behind MOV SS and STI faults: the handler runs, and with a trap gate the interrupt is taken
; at its first instruction.
%include "behaviour.inc"
    behaviour PAGED
    gate VECTOR_IRQ, .handler, INTERRUPT_GATE
    gate 14, .fault, TRAP_GATE
    irq_init
    mov dword [PTE32(WINDOW)], 0
    irq_request
    mov edx, SEL_DATA
    sti
    mov ss, edx
    mov [WINDOW], ecx
    inc ecx
    cli
    see "ecx", ecx
    done
.fault:
    inc ecx
    mov dword [PTE32(WINDOW)], FRAME(0) + PTE_P + PTE_W
    see "fault", [esp + 4]
    see "flags", [esp + 12]
    add esp, 4
    iretd
.handler:
    sub dword [esp], .fault
    see "ip from the handler's start", [esp]
    add dword [esp], .fault
    see "ecx then", ecx
    push eax
    irq_end
    pop eax
    iretd
