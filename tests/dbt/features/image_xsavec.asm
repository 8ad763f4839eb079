; XSAVEC and XSAVES: compacted images, of components in use and not; XRSTOR and XRSTORS of them (SDM Vol. 1, 13.10 to
; 13.12).
%include "behaviour.inc"
IMAGE equ WINDOW + 0x400
%macro header 0
    see_low "state", qword [IMAGE + 512]
    see_low "comp", qword [IMAGE + 520]
    see_low "comp high", qword [IMAGE + 524]
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
    mov eax, 13
    mov ecx, 1
    cpuid
    and eax, 0xa ; XSAVEC, XSAVES
    cmp eax, 0xa
    je .there
    absent
.there:
    ; All initial, then some in use.
    mov qword [IMAGE + 512], 0
    mov dword [IMAGE + 24], 0x1f80
    mov eax, 0xe7
    mov edx, 0
    xrstor [IMAGE]
    mov eax, 0x01020304
    vpbroadcastd zmm18, eax
    vpbroadcastd ymm3, eax
    mov eax, 0xe7
    xsavec [IMAGE]
    header
    and dword [IMAGE + 28], 0
    mov eax, 0xa2
    xsavec [IMAGE]
    header
    and dword [IMAGE + 28], 0
    mov eax, 0xe6
    xsaves [IMAGE]
    header
    and dword [IMAGE + 28], 0
    vpxord zmm18, zmm18, zmm18
    vpxord zmm3, zmm3, zmm3
    mov eax, 0xe6
    xrstors [IMAGE]
    vextracti32x4 xmm0, zmm18, 3
    vmovd eax, xmm0
    see_low "zmm18", rax
    vextracti128 xmm0, ymm3, 1
    vmovd eax, xmm0
    see_low "ymm3", rax
    vpxord zmm18, zmm18, zmm18
    mov eax, 0xe6
    mov edx, 0
    xrstor [IMAGE]
    vextracti32x4 xmm0, zmm18, 3
    vmovd eax, xmm0
    see_low "zmm18", rax
    catch .not_compacted
    mov qword [IMAGE + 520], 0
    xrstors [IMAGE]
.not_compacted:
    catch .done
    mov rax, 0x8000000000000007
    mov qword [IMAGE + 520], rax
    mov eax, 0xe7
    mov edx, 0
    xrstor [IMAGE]
.done:
    ; At level 3 XSAVES is not there, XSAVEC is.
    catch_anew .privileged
    to_ring3
    mov eax, 3
    mov edx, 0
    xsavec [IMAGE]
    xsaves [IMAGE]
.privileged:
    and dword [IMAGE + 28], 0
    done
