; TF at level 3, 64 bits: IRETQ to it, a page fault under TF, which leaves no trap of its own.
%include "behaviour.inc"
    behaviour LONG64
    gate 1, .trap, INTERRUPT_GATE
    gate 14, .fault, INTERRUPT_GATE
    mov dword [PTE64(WINDOW)], 0
    to_ring3 FLAG_TF + 2
    inc ecx
    mov [WINDOW], ecx
    inc ecx
    to_ring0
    see "rcx", rcx
    done
.trap:
    see "trap", qword [rsp]
    see "cs", qword [rsp + 8]
    push rax
    mov rax, dr6
    see_low "dr6", rax
    pop rax
    iretq
.fault:
    see "fault", qword [rsp + 8]
    see "flags", qword [rsp + 24]
    add rsp, 8
    mov dword [PTE64(WINDOW)], FRAME(0) + PTE_P + PTE_W + PTE_U
    iretq
