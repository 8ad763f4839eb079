; LOCK forms: results and flags, misaligned across a cache line and a page; LOCK where it may not stand is
; #UD.
%include "behaviour.inc"
    behaviour PAGED
%macro try 1-*
    catch %%after
    db %1
%%after:
%endmacro
    mov edi, WINDOW + PAGE - 2
    mov dword [edi], 0x7ffffffe
    lock inc dword [edi]
    see_flags "inc", FLAG_ZF | 0x880
    lock add dword [edi], 1
    see_flags "add", FLAG_ZF | FLAG_CF | 0x880
    mov ecx, 5
    lock xadd [edi], ecx
    see "xadd", ecx
    see "memory", [edi]
    lock bts dword [edi], 3
    see_flags "bts", FLAG_CF
    lock btc dword [WINDOW + 60], 31
    lock or word [WINDOW + 63], 0x1234 ; across a cache line
    see_memory "memory", WINDOW + 60, 2
    mov eax, 0x1234
    mov edx, 0x77
    lock cmpxchg [WINDOW + 63], dx
    see_flags "cmpxchg", FLAG_ZF
    lock cmpxchg [WINDOW + 63], dx
    see "eax", eax
    see_flags "cmpxchg", FLAG_ZF
    xchg [WINDOW + 62], eax
    see "xchg", eax
    lock not dword [WINDOW + 61]
    lock neg byte [WINDOW + 61]
    lock sbb dword [WINDOW + 61], 0x10
    see_memory "memory", WINDOW + 60, 2
    mov ebx, 1
    mov ecx, 2
    mov edx, 0
    mov eax, 0
    lock cmpxchg8b [WINDOW + 0x100 - 4]
    lock cmpxchg8b [WINDOW + 0x100 - 4]
    see "eax", eax
    see "edx", edx
    see_flags "cmpxchg8b", FLAG_ZF
    mov edi, WINDOW
    try 0xf0, 0x01, 0xc0 ; LOCK ADD EAX, EAX
    try 0xf0, 0x03, 0x07 ; LOCK ADD EAX, [EDI]
    try 0xf0, 0x89, 0x07 ; LOCK MOV [EDI], EAX
    try 0xf0, 0x39, 0x07 ; LOCK CMP [EDI], EAX
    try 0xf0, 0x0f, 0xa3, 0x07 ; LOCK BT
    try 0xf0, 0x90 ; LOCK NOP
    try 0xf0, 0xd1, 0x27 ; LOCK SHL
    done
