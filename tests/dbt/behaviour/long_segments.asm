; Segments in 64-bit mode: DS, ES and SS have no base and no limit; an LDT's descriptor has 16 bytes; FS and
; GS keep the base of what is loaded; a null SS at level 0; LTR and LLDT refuse bases that are not canonical.
%include "behaviour.inc"
    behaviour LONG64
    mov dword [ldt + 8], (WINDOW & 0xffff) << 16 | 0xffff
    mov dword [ldt + 12], (WINDOW & 0xff000000) | 0x00cf9300 | (WINDOW >> 16 & 0xff)
    mov eax, SEL_LDT
    lldt ax
    mov dword [abs WINDOW + 4], 0x11223344
    mov eax, 8 + 4
    mov fs, eax
    mov ebx, [fs:4]
    see "fs", rbx
    mov ds, eax ; the base does not count
    mov ebx, [abs WINDOW + 4]
    see "ds", rbx
    mov ecx, MSR_FS_BASE
    rdmsr
    see "fs base", rax
    mov ebx, [fs:PAGE * 3 + 4]
    see "fs again", rbx
    xor eax, eax
    mov ss, eax
    push rbx
    pop rcx
    mov eax, ss
    see "null ss", rax
    mov eax, 3
    catch .ss3
    mov ss, eax
.ss3:
    sldt eax
    see "sldt", rax
    str rax
    see "str", rax
    mov dword [gdt + SEL_LDT + 8], 0x8000 ; base 0000_8000_xxxx_xxxx
    mov eax, SEL_LDT
    catch .canonical
    lldt ax
.canonical:
    mov byte [gdt + SEL_TSS + 5], 0x89
    mov dword [gdt + SEL_TSS + 8], 0x8000
    mov eax, SEL_TSS
    catch .ltr
    ltr ax
.ltr:
    catch_anew .level3
    to_ring3
    xor eax, eax
    mov ds, eax
    mov ebx, [abs WINDOW + 4] ; a null DS is no fault
    mov ss, eax ; at level 3 a null SS is
.level3:
    see "read with a null ds", rbx
    done
