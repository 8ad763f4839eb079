; What is switched off faults by its class: CR0.EM and TS, with MP for FWAIT, CR4.OSFXSR; and FPU and SIMD exceptions
; that are not masked, #XM or #UD as CR4.OSXMMEXCPT says (SDM Vol. 3A, 2.5, 13.1; Vol. 1, 11.5).
%include "behaviour.inc"
%macro tried 1+
    catch %%after
    %1
    inc esi
%%after:
%endmacro
%macro all_classes 0
    tried fld1
    tried fnstsw ax
    tried fwait
    tried movd mm0, ecx
    tried emms
    tried addps xmm0, xmm1
    tried movd xmm0, ecx
    tried cvtpi2ps xmm0, mm1
    tried stmxcsr [WINDOW]
    tried ldmxcsr [WINDOW]
    tried fnstcw [WINDOW + 8]
    tried movnti [WINDOW], ecx
    tried sfence
    tried prefetchnta [WINDOW]
    tried pause
    tried crc32 ecx, al
    tried xgetbv
    see "passed", esi
    mov esi, 0
%endmacro
%macro with_cr0 1
    mov eax, cr0
    and eax, ~0xe
    or eax, %1
    mov cr0, eax
%endmacro
%macro with_cr4 1
    mov eax, %1
    mov cr4, eax
%endmacro
    behaviour PAGED
    mov dword [WINDOW], 0x1f80
    fninit
    ldmxcsr [WINDOW]
    xorps xmm0, xmm0
    xorps xmm1, xmm1
    all_classes
    with_cr0 4 ; EM
    all_classes
    with_cr0 8 ; TS
    all_classes
    with_cr0 8 + 2 ; TS, MP
    all_classes
    with_cr0 8 + 4
    all_classes
    with_cr0 2
    clts
    with_cr4 CR4_OSXMMEXCPT + CR4_PSE
    all_classes
    with_cr4 CR4_OSFXSR + CR4_OSXMMEXCPT + CR4_PSE

    ; #MF comes with the next waiting instruction; those without wait do not raise it.
    fninit
    mov word [WINDOW], 0x037b ; ZE is not masked
    fldcw [WINDOW]
    fldz
    fld1
    fdiv st0, st1
    fnstsw ax
    see "status", eax
    tried nop
    tried fld1
    tried movd ecx, mm0
    tried fwait
    tried movaps xmm0, xmm1
    fnclex
    tried fld1
    fninit
    ; #XM
    mov dword [WINDOW], 0x1d80 ; ZM is 0
    ldmxcsr [WINDOW]
    mov dword [WINDOW], 0x3f800000
    movss xmm0, [WINDOW]
    xorps xmm1, xmm1
    tried divss xmm0, xmm1
    stmxcsr [WINDOW]
    see "mxcsr", [WINDOW]
    with_cr4 CR4_OSFXSR + CR4_PSE
    tried divps xmm0, xmm1
    see "passed", esi
    done
