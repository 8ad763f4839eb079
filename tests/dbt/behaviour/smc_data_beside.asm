; Data beside code on one page: the code stays what it is.
%include "behaviour.inc"
    behaviour PROTECTED
    mov ebp, 50
.again:
    inc dword [.data]
    add ecx, [.data]
    lock add [.data + 4], ecx
    dec ebp
    jnz .again
    see "sum", ecx
    see "sum of sums", [.data + 4]
    done
    align 16
.data:
    dd 0, 0
