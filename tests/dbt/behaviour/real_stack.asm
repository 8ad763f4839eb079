; Real mode: PUSHA, POPA, ENTER, LEAVE, CALL and RET near and far, of 16 and 32 bits, PUSHF of 32 bits.
%include "behaviour.inc"
    behaviour REAL
    jmp .start
.near:
    ret
.near32:
    o32 ret
.far:
    retf
.far32:
    o32 retf
.store:
    dd 0, 0
.start:
    mov eax, 0xaaaa1111
    mov ecx, 0xcccc2222
    mov edx, 0xdddd3333
    mov ebp, 0xbbbb4444
    pusha
    pushad
    xor ax, ax
    xor ecx, ecx
    popad
    see "ax", ax
    see "cx", cx
    popa
    see "dx", dx
    mov bp, sp
    enter 8, 3
    mov bx, sp
    see "sp", bx
    see "bp", bp
    leave
    see "bp", bp
    call .near
    call dword .near32
    call 0:.far
    call dword 0:.far32
    push word 0x7777
    push dword 0x12345678
    pop ax
    pop cx
    pop dx
    see "ax", ax
    see "cx", cx
    see "dx", dx
    pushfd
    pop ax
    pop dx
    see "flags", ax
    see "high", dx
    push fs
    push dword 5
    pop dword [.store]
    pop word [.store + 4]
    mov ax, [.store]
    see "store", ax
    leave_real
    done
