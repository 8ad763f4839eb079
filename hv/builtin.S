/* The built-in guest, as it was linked: a module that needs no boot loader. */
.section .rodata
.balign 16
.global builtin_guest, builtin_guest_end
builtin_guest:
    .incbin BUILTIN_GUEST
builtin_guest_end:
.section .note.GNU-stack, "", @progbits
