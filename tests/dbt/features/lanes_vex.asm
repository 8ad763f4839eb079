; VMASKMOVPS, VPMASKMOVQ and the gathers of AVX2: an access for each element that the mask selects, no fault for others;
; gathers resume after a fault.
%include "behaviour.inc"
DATA equ WINDOW + 0x100
    behaviour LONG64
    needs_cpuid 7, ebx, 5 ; AVX2
    mov rax, cr4
    or eax, 1 << 18 ; OSXSAVE
    mov cr4, rax
    mov eax, 7
    mov ecx, 0
    mov edx, 0
    xsetbv
    mov edi, DATA
    mov ecx, 64
.fill:
    mov [rdi], ecx
    add edi, 4
    loop .fill
    vmovups ymm1, [masks]
    vmovups ymm2, [rdi - 0x80]
    vmaskmovps ymm0, ymm1, [DATA + 4]
    vmaskmovps [DATA + 0x40], ymm1, ymm0
    vpmaskmovd xmm3, xmm1, [DATA + 8]
    vpmaskmovq ymm3, ymm1, [DATA + 16]
    vpmaskmovq [DATA + 0x60], ymm1, ymm3
    vmaskmovpd xmm4, xmm1, [DATA + 0x80]
    vpxor ymm5, ymm5, ymm5
    vmaskmovps [WINDOW + 7 * PAGE], ymm5, ymm0
    vmaskmovps [WINDOW + PAGE - 8], ymm1, ymm0
    mov dword [PTE64(WINDOW + PAGE)], 0
    invlpg [WINDOW + PAGE]
    ; Elements 2, 3, 6 and 7 are selected: 3 alone is on that page.
    catch .selected
    vmaskmovps [WINDOW + PAGE - 12], xmm1, xmm0
.selected:
    vmaskmovps xmm6, xmm5, [WINDOW + PAGE]
    ; Gathers.
    vmovups ymm7, [indices]
    vmovups ymm8, ymm1
    mov eax, DATA
    vgatherdps ymm9, [rax + ymm7 * 4], ymm8
    vmovups ymm8, ymm1
    vpgatherdq ymm9, [rax + xmm7 * 8], ymm8
    vmovups ymm8, ymm1
    vmovups ymm7, [wide_indices]
    vpgatherqd xmm9, [rax + ymm7 * 2], xmm8
    vmovups [DATA + 0x40], ymm9
    vmovups [DATA + 0x60], ymm8
    ; The last element's page is absent: those before are gathered, and their masks gone.
    vpcmpeqd ymm8, ymm8, ymm8
    catch .gathered
    vmovups ymm7, [far_indices]
    vpgatherdd ymm10, [rax + ymm7 * 4], ymm8
.gathered:
    vmovups [DATA + 0x40], ymm10
    vmovups [DATA + 0x60], ymm8
    mov dword [PTE64(WINDOW + PAGE)], FRAME(1) + PTE_P + PTE_W
    vpgatherdd ymm10, [rax + ymm7 * 4], ymm8
    vmovups [DATA + 0x40], ymm10
    done
    section .rodata
    align 32
masks:
    dd 0, 1, 0x80000000, -1, 0x7fffffff, 0, 0x80000000, -1
indices:
    dd 3, -2, 5, 0, 8, 9, -3, 1
wide_indices:
    dq 3, -2, 5, 0
far_indices:
    dd 3, -2, 5, 0, 8, (PAGE - 0x100) / 4, -3, 1
    section .text
