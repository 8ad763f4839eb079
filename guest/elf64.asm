; A multiboot kernel as a 64-bit ELF file, which version 1 of the specification
; allows a boot loader to take: it starts in 32-bit mode all the same. Writes 16
; dwords at `data`.

%include "small.inc"

    small_guest
    guest_end
