; Real mode: IRET and IRETD, what they load of the flags.
%include "behaviour.inc"
    behaviour REAL
    push word 0x7fd7 & ~(FLAG_IF | FLAG_TF)
    push word 0
    push word .narrow
    iret
.narrow:
    see_flags "iret", -1
    cld
    push dword 0x00247fd7 & ~(FLAG_IF | FLAG_TF)
    push dword 0x10
    push dword .wide - 0x100
    iretd
.wide:
    mov ax, cs
    see "cs", ax
    jmp 0:.back
.back:
    pushfd
    pop ax
    pop dx
    see "low", ax
    see "high", dx
    push word 2
    popf
    catch_real .limit
    push dword 2
    push dword 0
    push dword 0x10000 ; beyond the limit
    iretd
.limit:
    leave_real
    done
