; REP STOSB writes over itself: after the iteration that does so the new instruction is fetched (SDM Vol. 3A,
; 11.6). The bytes become NOPs, so fewer iterations than ECX says are made.
%include "behaviour.inc"
    behaviour PROTECTED
    mov al, 0x90
    mov edi, .string - 4
    mov ecx, 16
    jmp .string
    times 4 db 0xcc
.string:
    rep stosb
    times 12 nop
    see "ecx", ecx
    mov eax, edi
    sub eax, .string
    see "edi", eax
    done
