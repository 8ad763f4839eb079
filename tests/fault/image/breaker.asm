; Writes 16 dwords, then asks build/engram-faulty.elf to break down: `how` is the number of the fault (faulty_user.c).

%include "small.inc"
%include "options.inc"

    section .data
    align 4
options_table:
    option "how", opt_how
    option_end
    section .data
opt_how:
    dd 0

    small_guest parse_options
    mov dx, 0x1ee
    mov eax, [opt_how]
    out dx, al
    mov ecx, 1000
.again:
    nop
    mov [data], ecx
    loop .again
    print "guest: error: nothing broke", 10
    guest_end
