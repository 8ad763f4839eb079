; A routine that has run before is changed: the next call runs the new code.
%include "behaviour.inc"
    behaviour PROTECTED
    mov eax, .routine
    call eax
    see "before", ecx
    mov dword [.routine + 1], 0x44444444
    call eax
    see "after", ecx
    call .routine ; by a direct call as well
    see "direct", ecx
    done
    align 64
.routine:
    mov ecx, 0x33333333
    ret
