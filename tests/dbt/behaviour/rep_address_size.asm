; 16-bit addresses in 32-bit code: SI, DI and CX count and wrap alone, the upper halves stay.
%include "behaviour.inc"
    behaviour PROTECTED
    mov dword [0], 0x11223344
    mov esi, 0x1234fffe
    mov edi, 0x5678e000
    mov ecx, 0x9abc0004
    mov eax, 0
    a16 rep movsb ; from fffe, ffff, 0, 1
    see "esi", esi
    see "edi", edi
    see "ecx", ecx
    mov edi, 0x1111e010
    mov ecx, 0x10000
    a16 rep stosb ; CX is 0
    see "edi", edi
    mov ecx, 0x20003
    a16 rep stosw
    see "edi", edi
    see "ecx", ecx
    mov ecx, 0x10001
    a16 loop .never
    see "loop", ecx
    a16 jecxz .zero
    done
.never:
    see "looped", ecx
    done
.zero:
    see "jcxz", ecx
    done
