; LAR and LSL in 64-bit mode: 16-bit TSSs and such do not exist, the TSS has 16 bytes.
%include "behaviour.inc"
    behaviour LONG64
    descriptor SEL_FREE, 0, 0xfff, 0x81 ; 16-bit TSS
    descriptor SEL_FREE + 8, 0, 0xfff, 0x85 ; task gate
    descriptor SEL_FREE + 16, 0, 0xfff, 0x8c ; call gate
%macro look 1
    mov rbx, -1
    mov rdx, -1
    mov eax, %1
    lar rbx, ax
    see_flags "zf", FLAG_ZF
    lsl rdx, ax
    see_flags "zf", FLAG_ZF
    see "lar", rbx
    see "lsl", rdx
%endmacro
    look SEL_CODE64
    look SEL_DATA
    look SEL_TSS
    look SEL_LDT
    look SEL_FREE
    look SEL_FREE + 8
    look SEL_FREE + 16
    mov rdx, -1
    mov eax, SEL_DATA
    lsl edx, eax
    see "32 bits", rdx
    mov rdx, -1
    lar dx, ax
    see "16 bits", rdx
    done
