; Decimal adjustment, BOUND, ARPL, SALC, XLAT: what 64-bit code no longer has.
%include "behaviour.inc"
%macro adjust 3 ; instruction, AX, flags
    push dword (%3) + 2
    popfd
    mov eax, %2
    %1
    see "eax", eax
    see_flags "flags", FLAG_CF + 0x10 + FLAG_ZF + FLAG_PF + 0x80
%endmacro
%macro adjust_all 1
    adjust %1, 0x0000, 0
    adjust %1, 0x1239, 0
    adjust %1, 0x123a, 0
    adjust %1, 0x129a, 0x10
    adjust %1, 0x9999, FLAG_CF
    adjust %1, 0xffff, FLAG_CF + 0x10
    adjust %1, 0x0100, 0x10
    adjust %1, 0x0003, 0x10
%endmacro
    behaviour PAGED
    adjust_all daa
    adjust_all das
    mov ecx, 0
%macro adjust_ascii 3 ; of AAA and AAS SF, ZF, PF and OF are not defined
    push dword (%3) + 2
    popfd
    mov eax, %2
    %1
    sbb ecx, ecx
    see "eax", eax
    see "cf", ecx
%endmacro
    adjust_ascii aaa, 0x0009, 0
    adjust_ascii aaa, 0x000a, 0
    adjust_ascii aaa, 0x00ff, 0
    adjust_ascii aaa, 0x1234, 0x10
    adjust_ascii aas, 0x0009, 0
    adjust_ascii aas, 0x000a, 0
    adjust_ascii aas, 0x0003, 0x10
    adjust_ascii aas, 0x0103, 0x10
%macro adjust_product 2 ; of AAM and AAD CF, AF and OF are not defined
    mov eax, %2
    %1
    setz cl
    sets ch
    setp dl
    cmp ecx, ecx
    see "eax", eax
    see "sf, zf", ecx
    see "pf", edx
%endmacro
    adjust_product aam, 0x1263
    adjust_product {aam 16}, 0x12f3
    adjust_product {aam 1}, 0x12f3
    adjust_product aad, 0x0909
    adjust_product {aad 16}, 0xff01
    adjust_product {aad 0}, 0xff80
    cmp eax, eax
    catch .division
    aam 0
.division:
    stc
    db 0xd6 ; SALC
    see "al", eax
    clc
    db 0xd6
    see "al", eax
    mov dword [WINDOW + 0x100], -5
    mov dword [WINDOW + 0x104], 7
    mov eax, 7
    bound eax, [WINDOW + 0x100]
    mov eax, -5
    bound eax, [WINDOW + 0x100]
    catch .below
    mov eax, -6
    bound eax, [WINDOW + 0x100]
.below:
    catch .above
    mov eax, 8
    bound eax, [WINDOW + 0x100]
.above:
    mov dword [WINDOW + 0x108], 0x00030001
    catch .word
    mov eax, 4
    bound ax, [WINDOW + 0x108]
.word:
    mov eax, 2
    bound ax, [WINDOW + 0x108]
    mov eax, 0x1230
    mov ecx, 0x4563
    arpl ax, cx
    see "eax", eax
    see_flags "flags", FLAG_ZF
    arpl ax, cx
    see_flags "flags", FLAG_ZF
    mov word [WINDOW + 0x110], 0x20
    arpl [WINDOW + 0x110], cx
    arpl [WINDOW + 0x110], cx
    see "memory", [WINDOW + 0x110]
    mov ebx, WINDOW + 0x100
    mov eax, 0xff04
    xlatb
    see "eax", eax
    done
