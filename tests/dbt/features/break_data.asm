; Data breakpoints: traps behind the instruction, for writes or for any access, of 1, 2 and 4 bytes, whatever part of
; an operand touches them (SDM Vol. 3B, 17.2.5); with TF both bits are set.
%include "behaviour.inc"
DATA equ WINDOW + 0x100
    behaviour PAGED
    gate 1, .handler, INTERRUPT_GATE
    mov eax, DATA
    mov dr0, eax
    mov eax, DATA + 0x21 ; two bytes: from an even address
    mov dr1, eax
    mov eax, DATA + 0x40
    mov dr2, eax
    mov eax, 0x400 + 0x15 + (1 << 16) + (0b0111 << 20) + (0b1101 << 24) ; write 1, any 2, write 4
    mov dr7, eax
    mov eax, [DATA]
    mov [DATA], al
    mov [DATA - 3], eax
    mov [DATA - 4], eax
    mov [DATA + 1], al
    mov ax, [DATA + 0x1f]
    mov ax, [DATA + 0x1e]
    mov [DATA + 0x20], al
    cmp byte [DATA + 0x21], 0
    inc dword [DATA + 0x41]
    mov eax, [DATA + 0x40]
    xchg eax, [DATA + 0x3d]
    xchg eax, [DATA + 0x3c]
    push dword [DATA + 0x20]
    pop dword [DATA + 0x43]
    mov esi, DATA + 0x18
    mov edi, DATA + 0x38
    mov ecx, 4
    rep movsd
    mov ecx, 6
    mov edi, DATA + 0x22
    std
    xor eax, eax
    repe scasb
    cld
    mov eax, cr0
    ; 8 bytes by 16: both
    movups xmm0, [DATA + 0x1c]
    movups [DATA - 8], xmm0
    ; with TF
    push dword FLAG_TF + 2
    popfd
    inc byte [DATA]
    inc byte [DATA + 4]
    push dword 2
    popfd
    ; held off by MOV SS
    mov word [DATA + 0x20], ss
    mov ss, [DATA + 0x20]
    inc ebx
    inc ebx
    mov eax, 0x400
    mov dr7, eax
    mov [DATA], eax
    done
.handler:
    see "ip", [esp]
    see "ecx", ecx
    push eax
    mov eax, dr6
    see "dr6", eax
    mov eax, 0xffff0ff0
    mov dr6, eax
    pop eax
    iretd
