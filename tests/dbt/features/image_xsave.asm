; XSAVE and XRSTOR: which bytes are written for which components, XSTATE_BV, the initial state, images that are not
; valid (SDM Vol. 1, 13.7 and 13.8).
%include "behaviour.inc"
IMAGE equ WINDOW + 0x400
%macro save 2
    mov eax, %1
    mov edx, 0
    xsave [IMAGE]
    see_low %2, qword [IMAGE + 512]
%endmacro
%macro clear_image 0
    mov edi, IMAGE
    mov ecx, 0x300
    mov eax, 0xffffffff
    rep stosd
    mov rax, 0
    mov edi, IMAGE + 512
    mov ecx, 16
    rep stosd
%endmacro
    behaviour LONG64
    needs_cpuid 1, ecx, 28 ; AVX
    needs_cpuid 7, ebx, 16 ; AVX512F
    mov rax, cr4
    or eax, 1 << 18 ; OSXSAVE
    mov cr4, rax
    mov ecx, 0
    mov edx, 0
    mov eax, 0xe7
    xsetbv
    fninit
    mov dword [WINDOW], 0x1fa1
    ldmxcsr [WINDOW]
    mov eax, 0x01020304
    vpbroadcastd zmm3, eax
    vpaddd zmm18, zmm3, zmm3
    vpsrlvd ymm12, ymm3, ymm3
    kmovq k5, rax
    clear_image
    save 7, "all"
    and dword [IMAGE + 28], 0
    clear_image
    save 2, "sse"
    and dword [IMAGE + 28], 0
    clear_image
    save 4, "avx"
    and dword [IMAGE + 28], 0
    clear_image
    save 0xe0, "avx512"
    save 0x20, "opmask"
    save 0x40, "zmm_hi256"
    save 0x80, "hi16_zmm"
    save 0, "none"
    clear_image
    save 0xe7, "whole"
    and dword [IMAGE + 28], 0
    ; Some of it back.
    vpxord zmm18, zmm18, zmm18
    vpxord zmm3, zmm3, zmm3
    kxorq k5, k5, k5
    mov eax, 0xa4
    mov edx, 0
    xrstor [IMAGE]
    vextracti32x4 xmm0, zmm18, 3
    vmovd eax, xmm0
    see_low "zmm18", rax
    vextracti128 xmm0, ymm3, 1
    vmovd eax, xmm0
    see_low "ymm3", rax
    vmovd eax, xmm3
    see_low "xmm3", rax
    kmovq rax, k5
    see_low "k5", rax
    ; Not in XSTATE_BV: the initial state.
    mov qword [IMAGE + 512], 0x3
    mov eax, 0xe4
    mov edx, 0
    xrstor [IMAGE]
    vextracti32x4 xmm0, zmm18, 3
    vmovd eax, xmm0
    see_low "zmm18", rax
    kmovq rax, k5
    see_low "k5", rax
    ; Headers and places that are not valid.
%macro wrong 3
    catch %%after
    mov qword %1, %2
    mov eax, 7
    mov edx, 0
    xrstor [IMAGE]
    see_low "passed", rax
%%after:
    mov qword %1, %3
%endmacro
    wrong [IMAGE + 512], 0x10, 3
    wrong [IMAGE + 520], 1, 0
    wrong [IMAGE + 528], 1, 0
    wrong [IMAGE + 568], 1, 0
    wrong [IMAGE + 24], -1, 0x1f80
    catch .misaligned
    xsave [IMAGE + 32]
.misaligned:
    mov qword [PTE64(WINDOW + PAGE)], 0
    invlpg [WINDOW + PAGE]
    catch .absent
    mov eax, 7
    mov edx, 0
    xsave [WINDOW + PAGE - 640]
.absent:
    done
