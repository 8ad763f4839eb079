; Instruction breakpoints: faults before the instruction, without RF in the frame; where the handler sets it there the
; instruction is passed over; not behind MOV SS; once for a REP; not where they are switched off (SDM Vol. 3B, 17.2
; and 17.3.1.1).
%include "behaviour.inc"
    behaviour PROTECTED
    gate 1, .handler, INTERRUPT_GATE
    mov eax, .first
    mov dr0, eax
    mov eax, .second
    mov dr1, eax
    mov eax, .behind_mov_ss
    mov dr2, eax
    mov eax, .string
    mov dr3, eax
    mov eax, 0x400 + 1 + 8 + 0x10 + 0x80
    mov dr7, eax
    mov edx, 2
.again:
    inc ecx
.first:
    inc ecx
.second:
    inc ecx
    dec edx
    jnz .again
    mov ax, ss
    mov ss, ax
.behind_mov_ss:
    inc ecx
    mov edi, stack_user - 64
    push ecx
    mov ecx, 3
.string:
    rep stosb
    pop ecx
    ; RF out of a frame: that breakpoint is passed over, the next one is not.
    push dword FLAG_RF + 2
    push dword SEL_CODE
    push dword .first_and_on
    mov eax, .first_and_on
    mov dr0, eax
    iretd
.first_and_on:
    inc ecx
    mov eax, .last
    mov dr1, eax
    xor eax, eax
.last:
    inc ecx
    mov eax, 0x400 ; none
    mov dr7, eax
    jmp .off
.off:
    inc ecx
    see "ecx", ecx
    done
.handler:
    see "ip", [esp]
    see "flags", [esp + 8]
    push eax
    mov eax, dr6
    see "dr6", eax
    mov eax, 0xffff0ff0
    mov dr6, eax
    pop eax
    or dword [esp + 8], FLAG_RF
    iretd
