; SYSCALL under TF: a trap before the first instruction of the entry, whether IA32_FMASK clears TF or not;
; after SYSRET that sets it the first trap comes behind the next instruction, as after IRET (the SDM says so
; of IRET and POPF only).
%include "behaviour.inc"
    behaviour LONG64
    gate 1, .trap, INTERRUPT_GATE
    mov ecx, MSR_EFER
    rdmsr
    or eax, EFER_SCE
    wrmsr
    mov ecx, MSR_STAR
    mov edx, (SEL_USER_CODE & ~3) << 16 | SEL_CODE64
    mov eax, 0
    wrmsr
    mov ecx, MSR_LSTAR
    mov eax, .entry
    mov edx, 0
    wrmsr
    mov ecx, MSR_FMASK
    mov eax, FLAG_TF
    wrmsr
    to_ring3 FLAG_TF + 2
    nop
    syscall
    nop
    to_ring0
    mov ecx, MSR_FMASK
    mov eax, 0
    mov edx, 0
    wrmsr
    to_ring3 FLAG_TF + 2
    nop
    syscall
    nop
    to_ring0
    done
.entry:
    inc ebx
    mov r8, r11
    and r8, FLAG_TF
    o64 sysret
.trap:
    see "trap", qword [rsp]
    see "cs", qword [rsp + 8]
    see "flags", qword [rsp + 16]
    iretq
