; CALL through a 32-bit call gate from level 3, with parameters copied, and RETF that gives them back on both
; stacks; JMP and CALL through gates to the same level and to conforming code.
%include "behaviour.inc"
    behaviour PROTECTED
%macro call_gate 4 ; selector, target, code segment, type and parameters
    mov eax, %2
    mov [gdt + (%1)], ax
    mov word [gdt + (%1) + 2], %3
    mov word [gdt + (%1) + 4], %4
    shr eax, 16
    mov [gdt + (%1) + 6], ax
%endmacro
    call_gate SEL_FREE, .inner, SEL_CODE, 0xec03        ; DPL 3, three parameters
    call_gate SEL_FREE + 8, .same, SEL_USER_CODE, 0xec02 ; no change of stack: none are copied
    descriptor SEL_FREE + 16, 0, 0xfffff, ACCESS_CODE | ACCESS_CONFORMING | ACCESS_32 | ACCESS_PAGES
    call_gate SEL_FREE + 24, .conforming, SEL_FREE + 16, 0xec00
    call_gate SEL_FREE + 32, .narrow, SEL_CODE, 0xe401 ; 16 bits
    call_gate SEL_FREE + 40, .inner, SEL_CODE, 0x8c00  ; DPL 0
    call_gate SEL_FREE + 48, .inner, SEL_CODE, 0x6c00  ; not present
    call_gate SEL_FREE + 56, .inner, SEL_DATA, 0xec00  ; no code
    add eax, 0
    to_ring3
    push dword 0x33333333
    push dword 0x22222222
    push dword 0x11111111
    call SEL_FREE:0x12345678 ; the offset does not count
.returned:
    mov ebx, esp
    call SEL_FREE + 8:0
    call SEL_FREE + 24:0
    call SEL_FREE + 16 + 3:.conforming
    jmp SEL_FREE + 8:1
.same:
    mov eax, cs
    inc ecx
    cmp ecx, 2
    je .jumped
    retf
.conforming:
    mov edx, cs
    retf
.jumped:
    to_ring0
    see "esp", ebx
    see "cs at the same level", eax
    see "cs in conforming code", edx
    catch_anew .dpl
    to_ring3
    call SEL_FREE + 40:0
.dpl:
    catch_anew .not_present
    to_ring3
    call SEL_FREE + 48:0
.not_present:
    catch_anew .no_code
    to_ring3
    call SEL_FREE + 56:0
.no_code:
    catch_anew .jump ; JMP does not change the level
    to_ring3
    jmp SEL_FREE:0
.jump:
    mov dword [tss + 4], 0xf000 ; the offset has 16 bits: code and stack below 64 KiB
    to_ring3
    push word 0x5555
    call SEL_FREE:0
.narrow:
    ud2
.inner:
    push ds
    push eax
    mov eax, SEL_DATA
    mov ds, eax
    see "ip", [esp + 8]
    see "cs", [esp + 12]
    see_memory "parameter", esp + 16, 3
    see "sp", [esp + 28]
    see "ss", [esp + 32]
    cmp word [tss + 4], 0xf000
    pop eax
    pop ds
    je .over
    retf 12
.over:
    mov ebx, SEL_DATA
    mov ds, ebx
    mov es, ebx
    mov ss, ebx
    mov esp, stack
    done
