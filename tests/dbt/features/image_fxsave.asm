; FXSAVE and FXRSTOR: their format in 32-bit code, with which parts are written (SDM Vol. 1, 10.5); misaligned.
%include "behaviour.inc"
IMAGE equ WINDOW + 0x400
    behaviour PAGED
    fninit
    mov dword [WINDOW], 0x1fa1
    ldmxcsr [WINDOW]
%assign n 0
%rep 8
    mov eax, 0x11111111 * (n + 1)
    movd xmm%+n, eax
    pshufd xmm%+n, xmm%+n, n * 33
%assign n n + 1
%endrep
    fxsave [IMAGE]
    ; MXCSR_MASK is the CPU's own.
    and dword [IMAGE + 28], 0
    catch .misaligned
    fxsave [IMAGE + 8]
.misaligned:
    mov dword [IMAGE + 24], 0x1f80
    mov dword [IMAGE + 160], 0x12345678
    mov byte [IMAGE + 4], 0 ; all empty
    fxrstor [IMAGE]
    stmxcsr [WINDOW]
    see "mxcsr", [WINDOW]
    movd eax, xmm0
    see "xmm0", eax
    catch .reserved
    mov dword [IMAGE + 24], 0x80000000
    fxrstor [IMAGE]
.reserved:
    stmxcsr [WINDOW]
    see "mxcsr", [WINDOW]
    catch .absent
    mov dword [PTE32(WINDOW + PAGE)], 0
    invlpg [WINDOW + PAGE]
    fxsave [WINDOW + PAGE - 256]
.absent:
    done
