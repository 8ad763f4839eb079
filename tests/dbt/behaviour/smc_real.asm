; Real mode: code is changed under another segment.
%include "behaviour.inc"
    behaviour REAL
    mov ax, 0x10
    mov es, ax
    call .target
    see "before", cx
    mov word [es:.target + 1 - 0x100], 0x2222
    call .target
    see "after", cx
    leave_real
    done
    code 16
.target:
    mov cx, 0x1111
    ret
