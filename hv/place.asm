; void move_image(void *to, const void *from, size_t bytes, hpa_t cr3)
; The copy and the switch to it with nothing written in between: the stack lies
; in the image, so a push after the copy would be lost. `bytes` is whole pages.

global move_image

section .text
bits 64
move_image:
    mov rax, rcx
    mov rcx, rdx
    shr rcx, 3
    cld
    rep movsq
    mov cr3, rax
    ret
