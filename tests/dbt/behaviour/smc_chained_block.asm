; Code that a direct jump leads to is changed between two turns of a loop that has gone through it.
%include "behaviour.inc"
    behaviour PROTECTED
    mov ebp, 5
.again:
    jmp .target
.back:
    add edi, ecx
    cmp ebp, 3
    jne .same
    mov byte [.target + 1], 0x10
.same:
    dec ebp
    jnz .again
    see "sum", edi ; 1 + 1 + 1 + 16 + 16
    done
    align 64
.target:
    mov ecx, 1
    jmp .back
