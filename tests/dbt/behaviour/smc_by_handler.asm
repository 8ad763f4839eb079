; An exception's handler changes the code that it returns to.
%include "behaviour.inc"
    behaviour PROTECTED
    gate 3, .handler, INTERRUPT_GATE
    mov ebp, 3
.again:
    mov eax, 0
    int3
.patched:
    add eax, 1
    see "eax", eax
    dec ebp
    jnz .again
    done
.handler:
    inc byte [.patched + 2]
    iretd
