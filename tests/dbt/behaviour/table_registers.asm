; SGDT, SIDT, SLDT, STR, SMSW in all sizes, at level 3 too; LMSW; LGDT of 16 bits.
%include "behaviour.inc"
    behaviour PROTECTED
    mov edi, WINDOW
    sgdt [.store]
    see_memory "sgdt", .store, 2
    sidt [.store]
    see_memory "sidt", .store, 2
    o16 sgdt [.store]
    see_memory "sgdt of 16 bits", .store, 2
    o16 lgdt [.store]
    mov dword [.store], -1
    mov dword [.store + 4], -1
    sgdt [.store]
    see_memory "after lgdt of 16 bits", .store, 2
    lgdt [gdt_pointer]
    to_ring3
    mov eax, -1
    mov ebx, -1
    mov ecx, -1
    smsw eax
    str ebx
    sldt ecx
    mov edx, -1
    smsw dx
    mov dword [.store], -1
    smsw [.store]
    mov esi, [.store]
    str [.store]
    mov edi, [.store]
    sgdt [.store + 4]
    to_ring0
    and eax, 0xffff
    see "smsw", eax
    see "str", ebx
    see "sldt", ecx
    and edx, 0xffff000f
    see "smsw of 16 bits", edx
    and esi, 0xffff000f
    see "in memory", esi
    see "str in memory", edi
    see "sgdt", [.store + 4]
    mov eax, 0x0d ; TS, EM, PE
    lmsw ax
    mov eax, cr0
    see "cr0", eax
    mov eax, 0 ; PE stays
    lmsw ax
    mov eax, cr0
    see "cr0", eax
    catch_anew .level
    to_ring3
    lmsw ax
.level:
    catch_anew .lgdt
    to_ring3
    lgdt [gdt_pointer]
.lgdt:
    done
    align 8
.store:
    dd 0, 0, 0, 0
