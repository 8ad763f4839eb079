; Code of level 3 is changed by level 3 and by the handler at level 0.
%include "behaviour.inc"
    behaviour LONG64
    gate 0x41, .handler, INTERRUPT_GATE | FOR_LEVEL3
    to_ring3
    call .target
    mov edi, ecx
    mov dword [rel .target + 1], 2
    call .target
    add edi, ecx
    int 0x41
    call .target
    add edi, ecx
    to_ring0
    see "sum", rdi ; 1 + 2 + 4
    done
.handler:
    mov dword [rel .target + 1], 4
    iretq
.target:
    mov ecx, 1
    ret
