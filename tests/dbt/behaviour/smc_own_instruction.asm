; An instruction writes its own bytes: it is carried out as it was, and is another one the next time.
%include "behaviour.inc"
    behaviour PROTECTED
    mov ebp, 2
.again:
.self:
    mov byte [.self + 6], 0x77
    dec ebp
    jnz .again
    movzx eax, byte [.self + 6]
    see "the byte", eax
    mov ecx, 3
.add:
    add dword [.add + 6], 0x01000000 ; adds to its own constant's low byte what the constant is
    loop .add
    see "constant", [.add + 6]
    done
