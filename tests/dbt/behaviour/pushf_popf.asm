; PUSHF shows RF and VM clear; POPF at level 0 and 3 with 16 and 32 bits; what of EFLAGS cannot be changed.
%include "behaviour.inc"
    behaviour PROTECTED
    push dword 0xffffffff & ~(FLAG_TF | FLAG_IF | FLAG_NT | 1 << 17)
    popfd
    pushfd
    pop eax
    push dword 2
    popfd
    see "all", eax
    push word 0xffff & ~(FLAG_TF | FLAG_IF | FLAG_NT)
    popfw
    pushfd
    pop eax
    push dword 2
    popfd
    see "low half", eax
    to_ring3
    push dword 0xffffffff & ~(FLAG_TF | FLAG_NT)
    popfd
    pushfd
    pop ebx
    push dword 2
    popfd
    to_ring0
    see "level 3", ebx
    stc
    lahf
    movzx ecx, ah
    see "lahf", ecx
    mov ah, 0xff
    sahf
    pushfd
    pop eax
    push dword 2
    popfd
    see "sahf", eax
    std
    cmc
    pushfd
    pop eax
    cld
    push dword 2
    popfd
    see "std, cmc", eax
    done
