; A loop changes the instruction at its own head, turn by turn.
%include "behaviour.inc"
    behaviour PROTECTED
    mov ebp, 9
.loop:
    add ecx, 1
    inc byte [.loop + 2]
    dec ebp
    jnz .loop
    see "sum", ecx ; 1 + 2 + ... + 9
    done
