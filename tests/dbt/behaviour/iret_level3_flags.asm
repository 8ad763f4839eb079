; IRET at level 3: IOPL does not change, IF only as IOPL allows, VIF and VIP not; nor by POPF.
%include "behaviour.inc"
    behaviour PROTECTED
    to_ring3
    push dword 0x00247fd7 & ~(FLAG_TF | FLAG_NT)
    push dword SEL_USER_CODE
    push dword .iopl0
    iretd
.iopl0:
    pushfd
    pop ebx
    push dword 2
    popfd
    push dword 0x00247fd7 & ~(FLAG_TF | FLAG_NT)
    popfd
    pushfd
    pop ecx
    push dword 2
    popfd
    to_ring0
    see "iret, iopl 0", ebx
    see "popf, iopl 0", ecx
    cli
    push dword 2
    popfd
    to_ring3 FLAG_IOPL | 2
    push dword 2
    popfd
    pushfd
    pop ebx
    push dword FLAG_IF | 2
    popfd
    pushfd
    pop ecx
    cli
    to_ring0
    see "popf, iopl 3", ebx
    see "if, iopl 3", ecx
    done
