; SYSCALL and SYSRET: RCX, R11, IA32_FMASK, the segments; to 64-bit and to compatibility mode; what they
; refuse.
%include "behaviour.inc"
    behaviour LONG64
    catch .disabled
    syscall
.disabled:
    mov ecx, MSR_EFER
    rdmsr
    or eax, EFER_SCE
    wrmsr
    mov ecx, MSR_STAR
    mov edx, (SEL_USER_CODE & ~3) << 16 | SEL_CODE64
    mov eax, 0x11111111
    wrmsr
    mov ecx, MSR_LSTAR
    mov eax, .entry
    mov edx, 0
    wrmsr
    mov ecx, MSR_FMASK
    mov eax, FLAG_DF | FLAG_CF
    wrmsr
    to_ring3 FLAG_DF | FLAG_CF | FLAG_ZF | 2
    syscall
    mov ebx, cs
    mov ebp, ss
    pushfq
    pop r9
    to_ring0
    cld
    see "cs", rbx
    see "ss", rbp
    see "flags", r9
    mov ecx, compatible
    mov r11d, 2
    o32 sysret
.entry:
    pushfq
    pop r8
    mov edi, cs
    mov esi, ss
    see "flags inside", r8
    see "cs inside", rdi
    see "ss inside", rsi
    see "r11", r11
    see "rcx", rcx
    o64 sysret
.compatible:
    mov esp, stack
    see "cs", rbx
    mov rcx, 0x0000800000000000
    catch .canonical
    o64 sysret
.canonical:
    catch_anew .level
    to_ring3
    o64 sysret
.level:
    done
    code 32
compatible:
    mov ebx, cs
    mov esp, stack_user
    int VECTOR_RING0
    code 64
    jmp behaviour_start.compatible
