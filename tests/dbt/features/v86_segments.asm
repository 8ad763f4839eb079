; Virtual-8086 mode: IRET to it, segments and their limits, the stack, far transfers, what needs protected mode (SDM
; Vol. 3B, 21.2).
%include "behaviour.inc"
%include "v86.inc"
%macro refused 1+
    catch %%after
    to_v86 FLAG_IOPL
    %1
    leave_v86
%%after:
    mov eax, SEL_DATA
    mov ds, eax
    mov es, eax
%endmacro
    behaviour PROTECTED
    v86_gate
    mov edi, V86_DS * 16
    mov ecx, 0x40
    mov eax, 0x11223344
    rep stosd
    to_v86 FLAG_IOPL
    mov ax, [0]
    mov [2], ax
    mov eax, [es:4]
    mov [fs:8], eax
    inc dword [gs:0x10]
    mov cx, 0x0808
    mov es, cx
    mov dx, [es:0]
    push es
    pop fs
    push ecx
    pop bx
    call 0:.far
    jmp .on
.far:
    retf
.on:
    lds si, [es:0]
    mov si, ds
    mov ax, V86_DS
    mov ds, ax
    mov [cs:.word], ax ; CS can be written
    mov di, .word
    mov cx, 2
    rep stosb
    mov ss, ax
    mov sp, 0x100
    push ax
    a32 mov eax, [dword 0x20]
    leave_v86
    see "eax", eax
    see "edx", edx
    see "esi", esi
    see "ebx", ebx
    ; CS:IP elsewhere, operand size 32
    to_v86 FLAG_IOPL
    push dword .wide
    o32 ret
.wide:
    pushfd
    pop eax
    jmp dword 0x10:(.elsewhere - 0x100)
.elsewhere:
    mov cx, cs
    leave_v86
    see "eax", eax
    see "ecx", ecx
    ; Behind the limits.
    refused mov al, [dword 0x10000]
    refused mov ax, [0xffff]
    refused push word [0xffff]
    refused jmp dword 0:0x10000
    mov ecx, 0x10000
    refused o32 jmp ecx
    ; Not there, or at level 0 alone.
    refused sldt ax
    refused lar ax, ax
    refused arpl ax, ax
    refused verr ax
    refused lldt ax
    refused hlt
    refused clts
    refused mov eax, cr0
    refused mov dr7, eax
    refused lgdt [0]
    refused lmsw ax
    refused db 0xc5, 0xf8, 0x58, 0xc0 ; VADDPS
    refused db 0x0f, 0x01, 0xcb ; STAC
    to_v86 FLAG_IOPL
    smsw ax
    sgdt [0]
    sidt [8]
    mov bp, sp
    fnstenv [0x20]
    leave_v86
    see "eax", eax
    done
.word equ 0x700
