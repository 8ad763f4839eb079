; A multiboot kernel that is no ELF file: a flat image that says in its multiboot
; header where it goes (the "a.out kludge"). Its header does not stand at the
; image's start, and its BSS holds `data`, where it writes 16 dwords.

%include "multiboot.inc"

LOAD_ADDRESS equ 0x1000000
    org LOAD_ADDRESS
    bits 32

image:
    times 24 db 0xcc ; what an a.out header would be
    align 4
header:
    dd MB_HEADER_MAGIC
    dd MB_AOUT_KLUDGE | MB_MEMORY_INFO
    dd -(MB_HEADER_MAGIC + (MB_AOUT_KLUDGE | MB_MEMORY_INFO))
    dd header     ; header_addr
    dd image      ; load_addr
    dd image_end  ; load_end_addr
    dd data + 4096 ; bss_end_addr
    dd start      ; entry_addr

COM1 equ 0x3f8

start:
    cli
    cld
    mov dx, COM1 + 3
    mov al, 3
    out dx, al
    mov esi, text_start
    mov ebx, .booted
    jmp puts
.booted:
    mov edi, data
    cmp dword [edi], 0 ; the loader clears the BSS
    jne .not_cleared
    mov ecx, 16
.writes:
    mov [edi], ecx
    add edi, 4
    dec ecx
    jnz .writes
    mov esi, text_stop
    mov ebx, .end
    jmp puts
.not_cleared:
    mov esi, text_not_cleared
    mov ebx, .end
    jmp puts
.end:
    cli
    hlt
    jmp .end

puts:
    lodsb
    test al, al
    jz .done
    mov ah, al
    mov dx, COM1 + 5
.busy:
    in al, dx
    test al, 0x20
    jz .busy
    mov al, ah
    mov dx, COM1
    out dx, al
    jmp puts
.done:
    jmp ebx

text_start:
    db "BOOT", 10, "START", 10, 0
text_stop:
    db "STOP", 10, 0
text_not_cleared:
    db "guest: error: the BSS was not cleared", 10, 0
    align 4096
image_end:
data equ image_end
