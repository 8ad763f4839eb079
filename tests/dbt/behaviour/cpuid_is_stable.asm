; CPUID answers the same at level 0 and 3, before and after; the upper halves of the registers become 0; above
; the last leaf and for a subleaf nothing changes it.
%include "behaviour.inc"
    behaviour LONG64
    mov rax, 0xffffffff00000000
    mov rbx, -1
    mov rdx, -1
    mov rcx, 0xffffffff00000000
    cpuid
    shr rax, 32
    shr rbx, 32
    shr rcx, 32
    shr rdx, 32
    see "rax", rax
    see "rbx", rbx
    see "rcx", rcx
    see "rdx", rdx
%macro sum 0 ; of leaf 1 without what changes: the initial APIC's number; OSXSAVE
    mov eax, 1
    mov ecx, 0
    cpuid
    and ebx, 0x00ffffff
    add eax, ebx
    rol eax, 3
    add eax, ecx
    rol eax, 3
    add eax, edx
    mov r8d, eax
    mov eax, 7
    mov ecx, 0
    cpuid
    add r8d, ebx
    rol r8d, 3
    add r8d, ecx
    sub eax, eax
%endmacro
    sum
    mov r9d, r8d
    to_ring3
    sum
    to_ring0
    xor eax, eax
    mov ebx, eax
    mov ecx, eax
    mov edx, eax
    sub r9d, r8d
    see "difference", r9
    done
