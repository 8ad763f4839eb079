; #DE: nothing changes; of a memory operand that is absent the #PF comes first.
%include "behaviour.inc"
    behaviour PAGED
    mov eax, 0x12345678
    mov edx, 0x80000000
    mov ecx, 2
    catch .overflow
    div ecx
.overflow:
    mov dword [PTE32(WINDOW)], 0
    catch .absent
    div dword [WINDOW]
.absent:
    catch .zero
    idiv byte [WINDOW + PAGE]
.zero:
    mov eax, 0x80000000
    cdq
    mov ecx, -1
    catch .minimum
    idiv ecx
.minimum:
    mov ax, 0x8000
    mov bl, -1
    catch .byte
    idiv bl
.byte:
    done
