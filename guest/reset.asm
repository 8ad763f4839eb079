; Writes 16 dwords, then resets the machine:
;
;     reset [how=0]     0: keyboard controller, port 0x64; 1: chipset, port 0xcf9; 2: fast reset, port 0x92

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
    cmp dword [opt_how], 1
    je .chipset
    cmp dword [opt_how], 2
    je .fast
.keyboard_busy:
    in al, 0x64
    test al, 2
    jnz .keyboard_busy
    mov al, 0xfe
    out 0x64, al
    jmp not_reset
.chipset:
    mov dx, 0xcf9
    mov al, 2
    out dx, al
    mov al, 6
    out dx, al
    jmp not_reset
.fast:
    in al, 0x92
    and al, 0xfe
    out 0x92, al
    or al, 1
    out 0x92, al
not_reset:
    mov ecx, 0x1000000
.wait:
    dec ecx
    jnz .wait
    print "guest: error: still running after the reset", 10
    guest_end
