; A stack segment with a limit: #SS(0), which level 3 shows on the stack of the TSS.
%include "behaviour.inc"
    behaviour PROTECTED
%macro try 2+ ; ESP, instruction
    catch_anew %%after
    to_ring3
    mov eax, SEL_FREE + 3
    mov ss, eax
    mov esp, %1
    %2
%%after:
%endmacro
    descriptor SEL_FREE, 0, 0xe0ff, ACCESS_DATA | ACCESS_DPL3 | ACCESS_32
    mov eax, 0xaaaaaaaa
    try 0xe104, push eax
    try 0xe0fe, pop ebx
    try 0xe100, pop ebx
    try 0xe106, pushad
    try 0xe0f0, popad
    try 0xe104, call .end
    try 0xe0fd, ret
    try 0xe102, push dword [0xe000]
    try 0xe0fe, pop dword [0xe000]
    try 0xe106, enter 8, 1
    mov ebp, 0xe0fe
    try 0xe000, leave
    try 0xe0fa, retf
    try 0xe104, int 0x99
    try 0xe104, pushfd
    try 0xe0fd, popfd
    mov ebp, 0xe100
    try 0xe000, mov al, [ebp]
    try 0xe000, mov al, [ss:0xe100]
    try 0xe000, mov [esp + 0x100], al
    try 0, push eax ; wraps to the top, which is beyond
.end:
    done
