; A data breakpoint of an instruction that faults is not reported; it is when the instruction is executed again. One
; on what the delivery of an event accesses traps before the handler's first instruction.
%include "behaviour.inc"
DATA equ WINDOW + 0xff0
    behaviour PAGED
    gate 1, .trap, INTERRUPT_GATE
    gate 14, .fault, INTERRUPT_GATE
    mov eax, DATA
    mov dr0, eax
    mov eax, stack - 8
    mov dr1, eax
    mov eax, 0x400 + 1 + (0b1111 << 16)
    mov dr7, eax
    mov dword [PTE32(WINDOW + 0x1000)], 0
    invlpg [WINDOW + 0x1000]
    mov esi, DATA
    mov edi, WINDOW + 0x1000
    movsd
    see "esi", esi
    mov edi, DATA
    mov eax, 5
    stosd
    mov eax, 0x400 + 4 + (0b1101 << 20)
    mov dr7, eax
    mov esp, stack
    gate 0x41, .software, INTERRUPT_GATE
    int 0x41
    mov eax, 0x400
    mov dr7, eax
    done
.software:
    see "software", [esp]
    iretd
.trap:
    see "ip", [esp]
    push eax
    mov eax, dr6
    see "dr6", eax
    mov eax, 0xffff0ff0
    mov dr6, eax
    pop eax
    iretd
.fault:
    see "fault", [esp + 4]
    see "flags", [esp + 12]
    push eax
    mov eax, dr6
    see "dr6", eax
    pop eax
    mov dword [PTE32(WINDOW + 0x1000)], FRAME(1) + PTE_P + PTE_W + PTE_U
    invlpg [WINDOW + 0x1000]
    add esp, 4
    iretd
