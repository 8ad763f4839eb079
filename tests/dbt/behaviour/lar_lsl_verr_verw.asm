; LAR, LSL, VERR, VERW for every kind of descriptor, from level 0 and from level 3.
%include "behaviour.inc"
    behaviour PROTECTED
    descriptor SEL_FREE, 0, 0x12345, ACCESS_DATA & ~2 | ACCESS_32 | ACCESS_PAGES
    descriptor SEL_FREE + 8, 0, 0x12345, ACCESS_CODE & ~2 | ACCESS_32
    descriptor SEL_FREE + 16, 0, 0x54321, ACCESS_CODE | ACCESS_CONFORMING
    descriptor SEL_FREE + 24, 0, 0xfff, ACCESS_DATA & ~0x80 | ACCESS_DPL3
    descriptor SEL_FREE + 32, 0, 0xfff, 0x8c ; 32-bit call gate
    descriptor SEL_FREE + 40, 0, 0xfff, 0x85 ; task gate
    descriptor SEL_FREE + 48, 0, 0xfff, 0x8e ; interrupt gate
    descriptor SEL_FREE + 56, 0, 0xfff, 0x81 ; 16-bit TSS
    mov ecx, .count
    mov esi, .selectors
.level0:
    lodsd
    call .look
    loop .level0
    mov dword [.level], 3
    mov ecx, .count
    mov esi, .selectors
.level3:
    lodsd
    call .at_level3
    loop .level3
    lsl eax, [.selectors + 4]
    see "from memory", eax
    mov ax, SEL_DATA
    mov ebx, 0x12345678
    lar bx, ax
    see "16 bits", ebx
    done
.at_level3:
    mov edi, [esp]
    to_ring3
    call .look
    to_ring0
    jmp edi
.look:
    mov ebp, 0
    mov ebx, 0xffffffff
    mov edx, 0xffffffff
    lar ebx, eax
    setz [.flags]
    lsl edx, eax
    setz [.flags + 1]
    verr ax
    setz [.flags + 2]
    verw ax
    setz [.flags + 3]
    see "selector", eax
    see "lar", ebx
    see "lsl", edx
    see "flags", [.flags]
    ret
    align 4
.flags:
    dd 0
.level:
    dd 0
.selectors:
    dd 0, SEL_CODE, SEL_DATA, SEL_CODE + 3, SEL_USER_CODE, SEL_USER_DATA, SEL_USER_DATA16, SEL_TSS, SEL_LDT, 0x1000
    dd SEL_DATA | 4, SEL_FREE, SEL_FREE + 8, SEL_FREE + 16, SEL_FREE + 24, SEL_FREE + 32, SEL_FREE + 40
    dd SEL_FREE + 48, SEL_FREE + 56
.count equ ($ - .selectors) / 4
