; PUSH and CALL write code: the stack lies on it.
%include "behaviour.inc"
    behaviour PROTECTED
    call .target
    see "before", ecx
    mov esi, esp
    mov esp, .target + 5
    push dword 0x77777777
    mov esp, esi
    call .target
    see "pushed", ecx
    mov esp, .target + 5
    call .called
.called:
    mov esp, esi
    call .target
    sub ecx, .called
    see "return address", ecx
    done
    align 16
.target:
    mov ecx, 0x11111111
    ret
