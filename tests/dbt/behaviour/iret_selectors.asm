; IRET with selectors that cannot be: #GP, #NP or #SS with the selector, and nothing loaded (SDM Vol. 2A,
; IRET).
%include "behaviour.inc"
    behaviour PROTECTED
%macro try 3-5 SEL_USER_DATA, stack_user ; what CS, IP, [SS, SP]
    see %1, 0
    catch %%after
    push dword %4
    push dword %5
    push dword 2
    push dword %2
    push dword %3
    iretd
%%after:
    mov esp, stack
%endmacro
    descriptor SEL_FREE, 0, 0xfffff, ACCESS_CODE | ACCESS_32 | ACCESS_PAGES
    and byte [gdt + SEL_FREE + 5], ~0x80 ; not present
    descriptor SEL_FREE + 8, 0, 0xfff, ACCESS_CODE | ACCESS_32 ; small
    descriptor SEL_FREE + 16, 0, 0xfffff, ACCESS_CODE | ACCESS_DPL3 | ACCESS_32 | ACCESS_PAGES | ACCESS_CONFORMING
    descriptor SEL_FREE + 24, 0, 0xfffff, ACCESS_DATA | ACCESS_DPL3 | ACCESS_32 | ACCESS_PAGES
    and byte [gdt + SEL_FREE + 24 + 5], ~0x80
    descriptor SEL_FREE + 32, 0, 0xfffff, (ACCESS_DATA & ~2) | ACCESS_DPL3 | ACCESS_32 | ACCESS_PAGES
    try "null cs", 0, .end
    try "null cs3", 3, .end
    try "outside", 0x1000, .end
    try "in no ldt", SEL_CODE | 4, .end
    try "data", SEL_DATA, .end
    try "dpl above", SEL_USER_CODE & ~3, .end
    try "dpl below", SEL_CODE | 3, .end
    try "conforming", SEL_FREE + 16, .end
    try "not present", SEL_FREE, .end
    try "beyond limit", SEL_FREE + 8, 0x1000
    try "null ss", SEL_USER_CODE, .end, 3
    try "ss rpl", SEL_USER_CODE, .end, SEL_USER_DATA & ~3
    try "ss dpl", SEL_USER_CODE, .end, SEL_DATA | 3
    try "ss code", SEL_USER_CODE, .end, SEL_USER_CODE
    try "ss read only", SEL_USER_CODE, .end, (SEL_FREE + 32) | 3
    try "ss not present", SEL_USER_CODE, .end, (SEL_FREE + 24) | 3
    try "tss", SEL_TSS, .end
.end:
    done
