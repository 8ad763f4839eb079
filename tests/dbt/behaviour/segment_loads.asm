; What MOV to a segment register refuses: #GP, #NP and #SS with the selector; LDS to LSS; accessed bits; the
; LDT.
%include "behaviour.inc"
    behaviour PROTECTED
%macro try 2 ; register, selector
    catch %%after
    mov eax, %2
    mov %1, ax
%%after:
    mov ebx, %1
    see "holds", ebx
    mov eax, SEL_DATA
    mov %1, ax
%endmacro
    descriptor SEL_FREE, 0, 0xfffff, ACCESS_DATA & ~1 | ACCESS_32 | ACCESS_PAGES ; not accessed
    descriptor SEL_FREE + 8, 0, 0xfffff, ACCESS_DATA & ~0x80 | ACCESS_32 | ACCESS_PAGES ; not present
    descriptor SEL_FREE + 16, 0, 0xfffff, ACCESS_CODE | ACCESS_DPL3 | ACCESS_CONFORMING | ACCESS_32 | ACCESS_PAGES
    descriptor SEL_FREE + 24, 0, 0xfffff, ACCESS_DATA & ~2 | ACCESS_32 | ACCESS_PAGES ; read-only
    try es, SEL_FREE
    see "accessed", [gdt + SEL_FREE + 4]
    try es, SEL_FREE + 8
    try es, SEL_FREE + 16
    try es, SEL_TSS
    try es, 0x1000
    try es, SEL_DATA + 3
    try es, SEL_USER_DATA
    try es, SEL_CODE | 4
    try ss, SEL_FREE + 8
    try ss, SEL_FREE + 24
    try ss, SEL_CODE
    try ss, SEL_USER_DATA
    try ss, SEL_DATA + 1
    try ss, 0x2000
    mov eax, SEL_LDT
    lldt ax
    mov dword [ldt + 8], 0x0000ffff
    mov dword [ldt + 12], 0x00cf9200 ; data, not accessed
    try fs, 8 + 4
    see "accessed", [ldt + 12]
    try fs, 64 + 4 ; behind the LDT's limit
    sldt ecx
    see "sldt", ecx
    mov eax, 0
    lldt ax
    try fs, 8 + 4
    catch .lldt
    mov eax, SEL_DATA
    lldt ax
.lldt:
    catch .busy
    mov eax, SEL_TSS
    ltr ax
.busy:
    str ecx
    see "str", ecx
    les edi, [.pointer]
    mov ebx, es
    see "les", edi
    see "es", ebx
    lss esp, [.stack]
    mov ebx, ss
    see "lss", esp
    see "ss", ebx
    mov edi, 1
    catch .lfs ; the register stays as well
    lfs edi, [.bad]
.lfs:
    catch .level3
    mov dword [resume_sp], stack
    to_ring3
    mov eax, SEL_DATA
    mov es, eax
.level3:
    done
    align 4
.pointer:
    dd 0x12345678
    dw SEL_FREE
.stack:
    dd stack - 16
    dw SEL_DATA
.bad:
    dd 2
    dw SEL_FREE + 8
