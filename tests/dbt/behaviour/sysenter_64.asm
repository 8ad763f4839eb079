; SYSENTER from compatibility and 64-bit mode goes to 64-bit mode; SYSEXIT to 64-bit and to compatibility
; mode.
%include "behaviour.inc"
    behaviour LONG64
    mov ecx, MSR_SYSENTER_CS
    mov eax, SEL_FREE
    mov edx, 0
    wrmsr
    mov ecx, MSR_SYSENTER_ESP
    mov eax, stack - 256
    wrmsr
    mov ecx, MSR_SYSENTER_EIP
    mov eax, .entry
    wrmsr
    to_ring3
    sysenter
.user:
    mov ebx, cs
    mov ebp, ss
    sysenter
.entry:
    mov eax, cs
    see "cs inside", rax
    mov eax, ss
    see "ss inside", rax
    mov rax, rsp
    see "rsp inside", rax
    see "cs", rbx
    see "ss", rbp
    inc r8d
    cmp r8d, 2
    jb .to_64
    je .to_compatibility
    mov ecx, MSR_SYSENTER_CS
    mov eax, 0
    mov edx, 0
    wrmsr
    done
.to_64:
    mov edx, .user
    mov ecx, stack_user
    o64 sysexit
.to_compatibility:
    mov edx, compatible
    mov ecx, stack_user
    sysexit
    code 32
compatible:
    mov ebx, cs
    mov ebp, ss
    sysenter
