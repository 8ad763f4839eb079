; SWAPGS, and what GS then addresses; at level 3 it is #GP. A load of GS in 64-bit mode sets the base from the
; descriptor, of a null selector Intel's processors leave it 0 or as it was: not looked at.
%include "behaviour.inc"
    behaviour LONG64
    mov ecx, MSR_GS_BASE
    mov eax, WINDOW
    mov edx, 0
    wrmsr
    mov ecx, MSR_KERNEL_GS_BASE
    mov eax, WINDOW + PAGE
    wrmsr
    mov ecx, MSR_FS_BASE
    mov eax, WINDOW + 2 * PAGE
    wrmsr
    mov dword [gs:8], 1
    swapgs
    mov dword [gs:8], 2
    mov dword [fs:8], 3
    see_low "1", qword [abs WINDOW + 8]
    see_low "2", qword [abs WINDOW + PAGE + 8]
    see_low "3", qword [abs WINDOW + 2 * PAGE + 8]
    rdmsr
    mov ecx, MSR_GS_BASE
    rdmsr
    see "gs base", rax
    mov ecx, MSR_KERNEL_GS_BASE
    rdmsr
    see "kernel gs base", rax
    lea rbx, [gs:8] ; LEA heeds no base
    see "lea", rbx
    mov ecx, MSR_GS_BASE
    mov edx, 0x8000
    catch .canonical
    wrmsr
.canonical:
    mov eax, SEL_DATA
    mov gs, eax
    mov ecx, MSR_GS_BASE
    rdmsr
    see "gs base after a load", rax
    catch_anew .level
    to_ring3
    swapgs
.level:
    done
