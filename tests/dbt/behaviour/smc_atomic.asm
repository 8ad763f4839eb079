; LOCK CMPXCHG, XCHG and CMPXCHG8B write code.
%include "behaviour.inc"
    behaviour PROTECTED
    call .target
    see "before", ecx
    mov eax, 0x11111111
    mov edx, 0x22222222
    lock cmpxchg [.target + 1], edx
    call .target
    see "cmpxchg", ecx
    mov edx, 0x33333333
    xchg [.target + 1], edx
    call .target
    see "xchg", ecx
    mov eax, [.target]
    mov edx, [.target + 4]
    mov ebx, eax
    mov bh, 0x99
    mov ecx, edx
    lock cmpxchg8b [.target]
    call .target
    see "cmpxchg8b", ecx
    done
    align 16
.target:
    mov ecx, 0x11111111
    ret
    align 16
