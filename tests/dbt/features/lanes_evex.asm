; AVX-512 with opmasks: an access for each element that is selected, no fault for others; compressed and expanded,
; gathered and scattered, broadcast.
%include "behaviour.inc"
DATA equ WINDOW + 0x100
    behaviour LONG64
    needs_cpuid 7, ebx, 16 ; AVX512F
    needs_cpuid 7, ebx, 30 ; AVX512BW
    needs_cpuid 7, ebx, 31 ; AVX512VL
    mov rax, cr4
    or eax, 1 << 18 ; OSXSAVE
    mov cr4, rax
    mov eax, 0xe7
    mov ecx, 0
    mov edx, 0
    xsetbv
    mov edi, DATA
    mov ecx, 128
.fill:
    mov [rdi], ecx
    add edi, 4
    loop .fill
    mov eax, 0x9a5c
    kmovd k1, eax
    kxorq k2, k2, k2
    vmovups zmm0, [DATA]
    vmovups zmm1 {k1}, [DATA + 4]
    vmovups zmm1 {k1}{z}, [DATA + 8]
    vmovups [DATA + 0x40] {k1}, zmm0
    vmovdqu8 xmm2 {k1}, [DATA + 3]
    vmovdqu8 [DATA + 0x81] {k1}, xmm0
    vmovdqu16 ymm3 {k1}, [DATA + 0x82]
    vmovdqu16 [DATA + 0x82] {k1}, ymm1
    vmovapd zmm4 {k1}, [DATA + 0x40]
    vpaddd zmm4 {k1}, zmm0, [DATA + 0x20]
    vpaddd zmm4, zmm0, [DATA + 0x20] {1to16}
    vpaddd zmm4 {k1}, zmm0, [DATA + 0x24] {1to16}
    vpaddd zmm4 {k2}, zmm0, [DATA + 0x24] {1to16}
    vaddss xmm5 {k1}, xmm0, [DATA + 4]
    vmovss xmm5 {k2}, [DATA + 4]
    vmovss [DATA + 4] {k2}, xmm5
    vpmovqb [DATA + 0x10] {k1}, zmm0
    vpmovdw [DATA + 0x20] {k1}, zmm0
    vpcompressd [DATA + 0x31] {k1}, zmm0
    vpexpandd zmm6 {k1}, [DATA + 0x33]
    vcompresspd [DATA + 0x50] {k1}, ymm0
    vmovups [WINDOW + 7 * PAGE] {k2}, zmm0
    mov dword [PTE64(WINDOW + PAGE)], 0
    invlpg [WINDOW + PAGE]
    vmovups zmm6 {k2}, [WINDOW + PAGE]
    vmovups [WINDOW + PAGE - 16] {k2}, zmm6
    mov eax, 0x8000
    kmovd k3, eax
    catch .load
    vmovups zmm7 {k3}, [WINDOW + PAGE - 15 * 4]
.load:
    catch .store
    vmovups [WINDOW + PAGE - 15 * 4] {k1}, zmm0
.store:
    mov eax, 0xc
    kmovd k3, eax
    vmovups [WINDOW + PAGE - 16] {k3}, zmm0
    ; Gathers and scatters.
    mov eax, DATA
    vmovups zmm8, [indices]
    kmovq k4, k1
    vgatherdps zmm9 {k4}, [rax + zmm8 * 4]
    kmovq k4, k1
    vscatterdps [rax + zmm8 * 4] {k4}, zmm0
    kmovq k4, k1
    vpgatherqq zmm9 {k4}, [rax + zmm10 * 8]
    kmovq k4, k1
    vpscatterdq [rax + ymm8 * 8] {k4}, zmm0
    vmovups zmm8, [far_indices]
    kmovq k4, k1
    catch .gathered
    vpgatherdd zmm9 {k4}, [rax + zmm8 * 4]
.gathered:
    kmovq rbx, k4
    see "left", rbx
    mov dword [PTE64(WINDOW + PAGE)], FRAME(1) + PTE_P + PTE_W
    mov eax, DATA
    vpgatherdd zmm9 {k4}, [rax + zmm8 * 4]
    vmovups [DATA], zmm9
    mov dword [PTE64(WINDOW + PAGE)], 0
    invlpg [WINDOW + PAGE]
    kmovq k4, k1
    catch .scattered
    vpscatterdd [rax + zmm8 * 4] {k4}, zmm0
.scattered:
    kmovq rbx, k4
    see "left", rbx
    done
    section .rodata
    align 64
indices:
    dd 3, -2, 5, 0, 8, 9, -3, 1, 3, 3, 4, 4, 4, -5, 11, 15
far_indices:
    dd 3, -2, 5, 0, 8, 9, -3, 1, 3, 3, 4, (PAGE - 0x100) / 4, 4, -5, 11, 15
    section .text
