; Offsets beyond a segment's limit: #GP(0), of SS #SS(0); expand-down segments; writing code, reading
; execute-only code, null segments.
%include "behaviour.inc"
    behaviour PROTECTED
%macro try 1+
    catch %%after
    %1
%%after:
%endmacro
    descriptor SEL_FREE, 0, 0x1fff, ACCESS_DATA | ACCESS_32
    mov eax, SEL_FREE
    mov es, eax
    mov eax, 0x11111111
    mov ebx, [es:0x1ffc]
    see "last four", ebx
    try mov ebx, [es:0x1ffd]
    try mov byte [es:0x2000], 0
    try mov [es:0xffffffff], ax ; wraps
    mov edi, 0x1ffe
    try stosd
    mov ecx, 3
    try rep stosb
    see "ecx", ecx
    see "edi", edi
    try add dword [es:0x1ffe], 1
    descriptor SEL_FREE + 8, 0, 0xfff, ACCESS_DATA | ACCESS_EXPAND_DOWN | ACCESS_32
    mov eax, SEL_FREE + 8
    mov es, eax
    mov ebx, [es:0x1000]
    try mov ebx, [es:0xfff]
    try mov ebx, [es:0]
    mov ebx, [es:stack_user - 4]
    see "above", ebx
    descriptor SEL_FREE + 16, 0, 0xfff, ACCESS_DATA | ACCESS_EXPAND_DOWN ; to FFFFH
    mov eax, SEL_FREE + 16
    mov es, eax
    mov dword [0x8000], 0
    mov dword [0xfffc], 0
    mov dword [0x10000], 0
    try mov bl, [es:0x10000]
    mov bl, [es:0x8000]
    try mov ebx, [es:0xfffd]
    descriptor SEL_FREE + 24, 0, 0xfffff, ACCESS_CODE & ~2 | ACCESS_32 | ACCESS_PAGES ; execute-only
    descriptor SEL_FREE + 32, 0, 0xfffff, ACCESS_DATA & ~2 | ACCESS_32 | ACCESS_PAGES ; read-only
    mov eax, SEL_FREE + 24
    try mov es, eax
    mov eax, SEL_CODE
    mov es, eax
    mov ebx, [es:stack_user - 4]
    try mov [es:stack_user - 4], ebx
    try mov [cs:stack_user - 4], ebx
    mov eax, SEL_FREE + 32
    mov es, eax
    mov ebx, [es:stack_user - 4]
    try mov [es:stack_user - 4], ebx
    try inc dword [es:stack_user - 4]
    jmp SEL_FREE + 24:.execute_only
.execute_only:
    try mov ebx, [cs:stack_user - 4]
    jmp SEL_CODE:.null
.null:
    mov eax, 0
    mov es, eax
    try mov ebx, [es:stack_user - 4]
    mov eax, 3
    mov fs, eax
    try mov [fs:stack_user - 4], ebx
    try mov ss, eax
    try pop ss
    mov esp, stack
    done
