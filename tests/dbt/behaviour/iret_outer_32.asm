; IRET to level 3, of 32 and of 16 bits; data segments that level 3 may not use become null. From there INT
; comes in on the stack of the TSS.
%include "behaviour.inc"
    behaviour PROTECTED
    gate 0x41, .from_user, INTERRUPT_GATE | FOR_LEVEL3
    mov eax, SEL_DATA
    mov ds, eax
    mov fs, eax
    mov eax, SEL_USER_DATA
    mov es, eax
    mov gs, eax
    mov eax, 0xaaaaaaaa
    push dword SEL_USER_DATA
    push dword stack_user
    push dword 2
    push dword SEL_USER_CODE
    push dword .user
    iretd
.user:
    mov bx, ds
    mov cx, es
    mov dx, fs
    mov si, gs
    int 0x41
.narrow:
    mov eax, SEL_DATA
    mov ds, eax
    mov es, eax
    push dword SEL_USER_DATA16
    push dword 0x1234f000 ; of a 16-bit stack SP alone counts
    push dword 2
    push dword SEL_USER_CODE16
    push dword user16
    iretd
.from_user:
    mov ebp, SEL_DATA
    mov ds, ebp
    mov es, ebp
    see "ip", [esp]
    see "cs", [esp + 4]
    see "flags", [esp + 8]
    see "sp", [esp + 12]
    see "ss", [esp + 16]
    movzx ebx, bx
    see "ds", ebx
    movzx ecx, cx
    see "es", ecx
    movzx edx, dx
    see "fs", edx
    movzx esi, si
    see "gs", esi
    cmp dword [esp + 4], SEL_USER_CODE16
    jne .narrow
    done
    code 16
user16:
    push ax
    pop bx
    int 0x41
