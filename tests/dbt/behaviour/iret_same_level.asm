; IRET to the same level, with 32- and 16-bit operands: what it loads of EFLAGS at level 0.
%include "behaviour.inc"
    behaviour PROTECTED
    push dword 0x00247fd7 & ~(FLAG_IF | FLAG_TF | FLAG_NT) ; ID, AC, all below
    push dword SEL_CODE
    push dword .wide
    iretd
.wide:
    see_flags "all", -1
    cld
    push dword 2
    popfd
    descriptor SEL_FREE, 0x1000000, 0xfffff, ACCESS_CODE | ACCESS_32 | ACCESS_PAGES ; with IP of 16 bits
    mov eax, .narrow - 0x1000000
    cmp eax, 0xffff
    ja .far
    push word 0x0ed7 & ~(FLAG_IF | FLAG_TF)
    push word SEL_FREE
    push ax
    o16 iret
.narrow:
    jmp SEL_CODE:.far
.far:
    see_flags "low half", -1
    done
