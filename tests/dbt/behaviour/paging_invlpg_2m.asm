; The same of a 2-MiB and a 1-GiB page in 64-bit mode.
%include "behaviour.inc"
    behaviour LONG64
    needs_cpuid 0x80000001, edx, 26 ; 1-GiB pages
    mov dword [pae_directory + 511 * 8], 0x1000000 + PTE_P + PTE_W + PTE_PS
    mov esi, window_frames - 0x1000000 + 511 * 0x200000
    lea edi, [rsi + 5 * PAGE]
    mov dword [abs window_frames], 0x11111111
    mov dword [abs window_frames + 5 * PAGE], 0x22222222
    mov eax, [rsi]
    mov ebx, [rdi]
    see "rax", rax
    see "rbx", rbx
    mov dword [pae_directory + 511 * 8], 0x1200000 + PTE_P + PTE_W + PTE_PS
    invlpg [rsi - 3 * PAGE]
    mov eax, [rsi]
    mov ebx, [rdi]
    see "rax", rax
    see "rbx", rbx
    mov dword [rsi], 0x33333333
    see_low "not written", qword [abs window_frames]
    mov dword [pdpt + 2 * 8], PTE_P + PTE_W + PTE_PS ; 2 GiB shows the first
    mov eax, window_frames
    lea rsi, [rax + rax]
    mov rsi, 0x80000000
    add rsi, rax
    mov eax, [rsi]
    see "rax", rax
    mov edx, [rsi + 0x1000]
    mov dword [pdpt + 2 * 8], pae_directory + PTE_P + PTE_W ; its second 2 MiB are now 2-MiB pages of their own
    mov dword [pae_directory + 508 * 8], 0x1000000 + PTE_P + PTE_W + PTE_PS
    invlpg [rsi + 0x12345]
    mov eax, 508 * 0x200000 - 0x1000000 + window_frames
    mov rsi, 0x80000000
    add rsi, rax
    mov dword [rsi], 0x55555555
    see_low "written", qword [abs window_frames]
    see_low "pdpte", qword [pdpt + 2 * 8]
    done
