; A 16-bit call gate from 16-bit code of level 3: words are pushed and copied, and a 16-bit RETF gives them
; back.
%include "behaviour.inc"
    behaviour PROTECTED
    gate 0x41, .over, INTERRUPT_GATE | FOR_LEVEL3
    mov word [gdt + SEL_FREE], inner16
    mov word [gdt + SEL_FREE + 2], SEL_CODE16
    mov dword [gdt + SEL_FREE + 4], 0xe402 ; DPL 3, two parameters
    mov dword [tss + 4], 0x1234f000
    mov dword [tss + 8], SEL_DATA16
    push dword SEL_USER_DATA16
    push dword 0xe000
    push dword 2
    push dword SEL_USER_CODE16
    push dword user16
    iretd
.over:
    mov eax, SEL_DATA
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov esp, stack
    see "ip cs", ecx
    see "parameters", edx
    see "sp ss", esi
    see "esp inside", edi
    see "esp", ebx
    done
    code 16
user16:
    push word 0x2222
    push word 0x1111
    call SEL_FREE:0x9999
    mov ebx, esp
    int 0x41
inner16:
    mov bp, sp
    mov ecx, [bp]
    mov edx, [bp + 4]
    mov esi, [bp + 8]
    mov edi, esp
    retf 4
