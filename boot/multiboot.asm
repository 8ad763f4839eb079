; The headers by which a boot loader knows the image: Multiboot 1 (Multiboot
; Specification 0.6.96, 3.1) and Multiboot 2 (2.0, 3.1). One image carries both.

section .multiboot progbits alloc noexec nowrite align=8

MB1_MAGIC      equ 0x1BADB002
MB1_ALIGN_MODS equ 1 << 0
MB1_MEMORY     equ 1 << 1
MB1_FLAGS      equ MB1_ALIGN_MODS | MB1_MEMORY

align 4
    dd MB1_MAGIC
    dd MB1_FLAGS
    dd -(MB1_MAGIC + MB1_FLAGS)

MB2_MAGIC      equ 0xE85250D6
MB2_I386       equ 0

align 8
mb2_start:
    dd MB2_MAGIC
    dd MB2_I386
    dd mb2_end - mb2_start
    dd 0x100000000 - (MB2_MAGIC + MB2_I386 + (mb2_end - mb2_start))
    ; Modules on page boundaries.
    dw 6, 0
    dd 8
    ; End of tags.
    dw 0, 0
    dd 8
mb2_end:
