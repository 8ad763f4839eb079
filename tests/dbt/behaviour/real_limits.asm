; Real mode: offsets beyond FFFFH are #GP, of SS #SS, without error code (SDM Vol. 3A, 21.1.1); SP and IP
; wrap.
%include "behaviour.inc"
    behaviour REAL
%macro try 1+
    catch_real %%after
    %1
%%after:
%endmacro
    mov ax, 0x2000
    mov es, ax
    mov bx, 0xffff
    mov ax, 0x1234
    try mov [es:bx], ax
    mov [es:bx], al
    mov cl, [es:bx]
    see "last byte", cx
    mov ebx, 0x10000
    try mov al, [es:ebx]
    mov bx, 0xfffd
    try mov eax, [es:bx]
    mov bx, 0xffff
    try inc word [es:bx]
    mov di, 0xffff
    try stosw
    mov ax, 0x3000
    mov ss, ax
    mov word [ss:0xfffe], 0
    mov sp, 0
    push word 0x5555 ; SP wraps
    mov bp, sp
    see "sp", bp
    mov bx, [bp]
    pop cx
    mov dx, sp
    xor ax, ax
    mov ss, ax
    mov sp, REAL_STACK
    see "pushed", bx
    see "popped", cx
    see "sp", dx
    mov bp, 0xffff
    mov byte [0], 0x77
    try mov al, [bp + 1] ; the effective address wraps: BP + 1 is 0
    mov ah, 0
    see "wrapped", ax
    try mov ax, [bp]
    mov eax, 0x12340000
    mov si, 0xfffe
    lea ax, [si + 4]
    see "lea", ax
    lea eax, [si + 4]
    push eax
    pop cx
    pop dx
    see "lea", cx
    see "lea", dx
    leave_real
    done
