; Instructions of level 0 at level 3: #GP(0); RDTSC with CR4.TSD; reserved bits of CR0 and CR4. (An MSR that
; does not exist is #GP as well; Bochs ignores it.)
%include "behaviour.inc"
    behaviour PAGED
%macro try 1+
    catch_anew %%after
    to_ring3
    %1
%%after:
%endmacro
    try mov eax, cr0
    try mov cr0, eax
    try mov eax, cr3
    try mov cr4, eax
    try mov eax, dr7
    try mov dr0, eax
    try clts
    try invd
    try wbinvd
    try invlpg [WINDOW]
    try rdmsr
    try wrmsr
    try lidt [idt_pointer]
    try lldt ax
    try ltr ax
    mov eax, cr4
    or eax, CR4_TSD
    mov cr4, eax
    try rdtsc
    mov eax, cr4
    and eax, ~CR4_TSD
    mov cr4, eax
    to_ring3
    rdtsc
    mov ecx, eax
    mov ebx, edx
    rdtsc
    sub eax, ecx
    sbb edx, ebx
    mov eax, 0 ; what differs from run to run does not come into memory
    mov ebx, eax
    mov ecx, eax
    to_ring0
    cmp edx, 0
    see_flags "monotonic", FLAG_ZF
    mov eax, cr4
    or eax, 1 << 30
    catch .cr4
    mov cr4, eax
.cr4:
    mov eax, cr0
    and eax, ~CR0_PE ; PG without PE
    catch .cr0
    mov cr0, eax
.cr0:
    done
