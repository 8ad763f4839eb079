; An instruction changes the one right behind it: the new one runs (SDM Vol. 3A, 8.1.3: on the processor that
; writes, no jump is needed since the P6 family).
%include "behaviour.inc"
    behaviour PROTECTED
    mov dword [.next + 1], 0x22222222
.next:
    mov ecx, 0x11111111
    see "ecx", ecx
    done
