; What CR4.OSXSAVE, XCR0 and CR0.TS leave of AVX and AVX-512 (SDM Vol. 1, 13.3 and 14.3).
%include "behaviour.inc"
%macro tried 1+
    catch %%after
    %1
    inc esi
%%after:
%endmacro
%macro all_classes 0
    tried vaddps xmm0, xmm0, xmm1
    tried vaddps ymm0, ymm0, ymm1
    tried vzeroupper
    tried vmovups [WINDOW], xmm0
    tried andn ecx, ecx, ecx
    tried vaddps zmm0, zmm0, zmm1
    tried vaddps xmm16, xmm0, xmm1
    tried kmovw k1, ecx
    tried addps xmm0, xmm1
    mov eax, 0
    mov edx, 0
    mov ecx, 0
    tried xgetbv
    see_low "xcr0", rax
    see "passed", rsi
    mov esi, 0
%endmacro
    behaviour LONG64
    needs_cpuid 1, ecx, 28 ; AVX
    needs_cpuid 7, ebx, 16 ; AVX512F
    all_classes
    mov rax, cr4
    or eax, 1 << 18 ; OSXSAVE
    mov cr4, rax
    all_classes
    mov edx, 0
    mov ecx, 0
    mov eax, 3
    xsetbv
    all_classes
    mov eax, 7
    xsetbv
    all_classes
    mov eax, 0xe7
    xsetbv
    all_classes
    mov rax, cr0
    or eax, 8 ; TS
    mov cr0, rax
    all_classes
    clts
    ; What XCR0 cannot be.
    mov edx, 0
    mov ecx, 0
    mov eax, 0
    tried xsetbv
    mov eax, 5
    tried xsetbv
    mov eax, 0x27
    tried xsetbv
    mov eax, 0xe3
    tried xsetbv
    mov eax, 7
    mov ecx, 2
    tried xsetbv
    mov ecx, 0
    mov edx, 0x80000000
    tried xsetbv
    see "passed", rsi
    done
