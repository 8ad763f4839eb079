; 16-bit interrupt and trap gates: FLAGS, CS and IP are words; from level 3 SP and SS as well; 16-bit IRET
; goes back, to the same and to the outer level.
%include "behaviour.inc"
    behaviour PROTECTED
    mov eax, handler16
    mov [idt + 0x41 * 8], ax
    mov word [idt + 0x41 * 8 + 2], SEL_CODE16
    mov dword [idt + 0x41 * 8 + 4], 0xe600 ; interrupt gate, DPL 3
    mov [idt + 0x42 * 8], ax
    mov word [idt + 0x42 * 8 + 2], SEL_CODE16
    mov dword [idt + 0x42 * 8 + 4], 0xe700 ; trap gate, DPL 3
    gate 0x43, .over, INTERRUPT_GATE | FOR_LEVEL3
    mov al, 0xff
    out 0x21, al
    out 0xa1, al
    jmp SEL_CODE16:narrow
.over:
    mov eax, SEL_DATA
    mov ds, eax
    mov es, eax
    see "ip", ebx
    see "cs", ecx
    see "flags", edx
    see "if in the handler", ebp
    cmp word [esp + 4], SEL_CODE16
    jne .from_level3
    mov ebx, [esp + 4]
    see "cs", ebx
    push dword SEL_USER_DATA16
    push dword 0xe000
    push dword FLAG_IF | 2
    push dword SEL_USER_CODE16
    push dword user16
    mov dword [tss + 4], 0xf000
    mov dword [tss + 8], SEL_DATA16
    iretd
.from_level3:
    see "sp", esi
    see "ss", edi
    mov eax, SEL_DATA
    mov ss, eax
    mov esp, stack
    done
    code 16
narrow:
    mov ax, SEL_DATA16
    mov ss, ax
    mov esp, 0xd000
    push dword 0 ; what the handler takes for SP and SS
    sti
    int 0x41
    int 0x42
    cli
    int 0x43
user16:
    int 0x42
    int 0x43
handler16:
    mov bp, sp
    movzx ebx, word [bp]
    movzx ecx, word [bp + 2]
    movzx edx, word [bp + 4]
    movzx esi, word [bp + 6]
    movzx edi, word [bp + 8]
    pushf
    pop bp
    and ebp, FLAG_IF
    iret
