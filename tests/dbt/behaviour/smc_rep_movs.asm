; REP MOVSB writes over the code behind it.
%include "behaviour.inc"
    behaviour PROTECTED
    call .target
    mov esi, .new
    mov edi, .target
    mov ecx, 8
    rep movsb
.target:
    mov eax, 0x11111111
    times 3 nop
    cmp cl, 0x55
    je .over
    ret
.over:
    see "eax", eax
    done
.new:
    mov eax, 0x22222222
    mov cl, 0x55
    nop
