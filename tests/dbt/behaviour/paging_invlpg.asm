; INVLPG makes a changed mapping visible: of a 4-KiB page, and of any part of a 4-MiB page.
%include "behaviour.inc"
    behaviour PAGED
    mov dword [WINDOW], 0x11111111
    mov dword [WINDOW + PAGE], 0x22222222
    mov dword [FRAME(2) + 0x100], 0x33333333
    mov eax, [WINDOW]
    mov ebx, [PTE32(WINDOW + PAGE)]
    mov [PTE32(WINDOW)], ebx
    invlpg [WINDOW + 0x567]
    mov ecx, [WINDOW]
    see "4 KiB", ecx
    mov dword [page_directory + 15 * 4], 0x1000000 + PTE_P + PTE_W + PTE_PS
    mov esi, window_frames - 0x1000000 + 15 * 0x400000
    mov edi, esi
    add edi, PAGE * 5
    mov eax, [esi]
    mov ebx, [edi]
    mov dword [window_frames], 0x44444444
    mov dword [window_frames + 5 * PAGE], 0x55555555
    mov eax, [esi]
    mov ebx, [edi]
    see "eax", eax
    see "ebx", ebx
    mov dword [page_directory + 15 * 4], 0x1400000 + PTE_P + PTE_W + PTE_PS
    invlpg [15 * 0x400000 + 0x123456]
    mov eax, [esi]
    mov ebx, [edi]
    see "eax", eax
    see "ebx", ebx
    mov dword [esi], 0x66666666
    mov dword [edi], 0x77777777
    see "not written", [window_frames]
    see "not written", [window_frames + 5 * PAGE]
    see "written", [window_frames + 0x400000]
    done
