; A 16-byte store changes code.
%include "behaviour.inc"
    behaviour PROTECTED
    call .target
    see "before", ecx
    movups xmm0, [.new]
    movups [.target], xmm0
    call .target
    see "after", ecx
    done
    align 16
.target:
    mov ecx, 0x11111111
    ret
    align 16
.new:
    mov ecx, 0x22222222
    ret
    align 16
    db 0
    align 16
