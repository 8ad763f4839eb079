; Strings in real mode: DF, SI and DI that wrap within the segment, segment overrides, address size 32.
%include "behaviour.inc"
    behaviour REAL
    jmp .start
.text:
    db "abcdefgh"
.start:
    mov ax, 0x2000
    mov es, ax
    mov ds, ax
    mov dword [0xfffc], 0x44332211
    mov dword [0], 0x88776655
    mov si, 0xfffe
    mov di, 0x1000
    mov cx, 4
    rep movsb
    see "si", si
    see "di", di
    mov si, 1
    mov di, 0x1010
    mov cx, 4
    std
    rep movsb
    cld
    see "si", si
    see "cx", cx
    xor ax, ax
    mov ds, ax
    mov eax, [es:0x1000]
    see "moved", ax
    mov eax, [es:0x100d]
    see "backwards", ax
    mov si, .text
    mov di, 0x1020
    mov cx, 3
    cs rep movsw
    mov si, .text
    mov di, 0x1020
    mov cx, 4
    repe cmpsw
    see "cx", cx
    see_flags "flags", FLAG_ZF
    mov edi, 0x1030
    mov ecx, 2
    mov eax, 0x12345678
    a32 rep stosd
    mov ax, [es:0x1036]
    see "stored", ax
    mov cx, 3
.again:
    inc dx
    loop .again
    see "loop", dx
    mov ecx, 0x10001
    a32 loop .there
    see "never", cx
.there:
    see "ecx", cx
    jcxz .end
    see "not 0", cx
.end:
    leave_real
    done
