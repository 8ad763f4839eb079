; Text memory of the screen: written and read in all sizes, by strings and read-modify-writes. It is not RAM:
; Engram does not record it.
%include "behaviour.inc"
    behaviour PROTECTED
SCREEN equ 0xb8000 + 80 * 25 * 2 ; behind what is shown
    mov edi, SCREEN
    mov ecx, 16
    rep stosd
    mov edi, SCREEN
    mov dword [edi], 0x44332211
    mov word [edi + 4], 0x6655
    mov byte [edi + 6], 0x77
    mov byte [edi + 7], 0x88
    see_memory "memory", SCREEN, 2
    add dword [edi], 0x01010101
    lock inc byte [edi + 4]
    xchg [edi + 6], cx
    see_memory "memory", SCREEN, 2
    see "ecx", ecx
    movsx eax, word [edi + 1]
    see "eax", eax
    mov esi, SCREEN
    mov edi, SCREEN + 16
    mov ecx, 2
    rep movsd
    mov ecx, 3
    mov al, 0x5a
    rep stosb
    see_memory "memory", SCREEN + 16, 3
    mov esi, SCREEN
    mov edi, stack_user - 8
    movsd
    movsd
    see_memory "in RAM", stack_user - 8, 2
    movq xmm0, [SCREEN + 1]
    movq [stack_user - 8], xmm0
    see_memory "in RAM", stack_user - 8, 2
    push dword [SCREEN]
    pop dword [SCREEN + 24]
    see "moved", [SCREEN + 24]
    test byte [SCREEN + 3], 0x80
    see_flags "flags", FLAG_ZF
    done
