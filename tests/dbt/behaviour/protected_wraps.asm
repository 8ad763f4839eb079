; 32-bit code: EIP, ESP, effective and linear addresses are 32 bits wide and wrap, segment bases included.
%include "behaviour.inc"
    behaviour PROTECTED
    descriptor SEL_FREE, 0xfffff000, 0xfffff, ACCESS_DATA | ACCESS_32 | ACCESS_PAGES
    mov eax, SEL_FREE
    mov fs, eax
    mov dword [stack_user - 4], 0x12345678
    mov ebx, [fs:stack_user - 4 + 0x1000]
    see "base + offset", ebx
    mov esi, stack_user - 4 + 0x1000
    mov ecx, 0x80000000
    mov ebx, [fs:esi + ecx * 2]
    see "index", ebx
    lea eax, [esi + ecx * 2 - 0x1000]
    sub eax, stack_user
    see "lea", eax
    mov edi, stack_user - 8 + 0x1000
    mov es, [.selector]
    mov eax, 0x55aa55aa
    stosd
    see "stosd", [stack_user - 8]
    mov ebp, stack_user
    sub ebp, 0x80000000
    mov ebx, [ebp + 0x7ffffffc]
    see "displacement", ebx
    mov eax, SEL_FREE
    mov ss, eax
    mov esp, stack_user + 0x1000
    push dword 0x11111111
    pop ecx
    call .routine
    mov edx, SEL_DATA
    mov ss, edx
    mov esp, stack
    see "ecx", ecx
    see "pushed", [stack_user - 4]
    done
.routine:
    ret
.selector:
    dw SEL_FREE
