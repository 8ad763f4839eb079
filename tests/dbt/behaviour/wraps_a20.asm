; The A20 gate of port 92H: closed, bit 20 of every physical address is 0, for data, code and page tables;
; real mode's FFFF:0010 is 0000:0000.
%include "behaviour.inc"
    behaviour REAL
    mov ax, 0xffff
    mov es, ax
    mov word [0x600], 0x1111
    mov word [es:0x610], 0x2222 ; 100600H
    in al, 0x92
    and al, 2
    mov ah, 0
    see "open", ax
    mov ax, [0x600]
    see "at 600H", ax
    in al, 0x92
    and al, 0xfc
    out 0x92, al
    mov ax, [es:0x610]
    see "closed", ax
    in al, 0x92
    and al, 2
    mov ah, 0
    see "bit", ax
    mov word [es:0x612], 0x3333
    mov ax, [0x602]
    see "written at 602H", ax
    mov byte [0x604], 0xb9 ; MOV CX, 7777H; RETF
    mov word [0x605], 0x7777
    mov byte [0x607], 0xcb
    call 0xffff:0x614
    see "run", cx
    in al, 0x92
    or al, 2
    and al, 0xfe
    out 0x92, al
    mov ax, [es:0x610]
    see "open again", ax
    mov ax, [0x602]
    see "602H", ax
    leave_real
    done
