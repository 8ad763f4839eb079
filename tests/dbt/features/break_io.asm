; I/O breakpoints, which CR4.DE brings; DR4 and DR5 are #UD then. DR7.GD: a fault at MOV DR, and the handler runs
; without (SDM Vol. 3B, 17.2.2 to 17.2.5).
%include "behaviour.inc"
    behaviour PROTECTED
    gate 1, .handler, INTERRUPT_GATE
    mov eax, dr4
    see "dr4", eax
    mov eax, cr4
    or eax, 1 << 3 ; DE
    mov cr4, eax
    catch .ud
    mov eax, dr4
.ud:
    mov eax, 0x80
    mov dr0, eax
    mov eax, 0x82 ; four bytes: from 80H on
    mov dr1, eax
    mov eax, 0x400 + 1 + (0b0010 << 16)
    mov dr7, eax
    out 0x80, al
    in al, 0x61
    mov edx, 0x80
    mov al, 0
    out dx, al
    mov edx, 0x7f
    out dx, ax
    mov eax, 0x400 + 4 + (0b1110 << 20)
    mov dr7, eax
    mov al, 0
    out 0x83, al
    out 0x84, al
    mov edx, 0x81
    mov esi, stack_user - 64
    mov ecx, 3
    rep outsb
    mov eax, 0x400 + (1 << 13)
    mov dr7, eax
    mov eax, dr0
    see "dr0", eax
    mov eax, 0x400
    mov dr7, eax
    done
.handler:
    see "ip", [esp]
    see "ecx", ecx
    push eax
    mov eax, dr6
    see "dr6", eax
    mov eax, dr7
    see "dr7", eax
    mov eax, 0xffff0ff0
    mov dr6, eax
    pop eax
    iretd
