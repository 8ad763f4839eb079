; Writes 16 dwords, then powers the machine off: SLP_EN with sleep type 0 to the
; ACPI PM1a control register. Its port is where the firmware of Bochs (0xb004)
; and QEMU (0x604) puts it; both are tried.
;
;     poweroff [how=0]     0: 16 bits; 1: the high byte alone; 2: 32 bits

%include "small.inc"
%include "options.inc"

SLP_EN equ 1 << 13

    section .data
    align 4
options_table:
    option "how", opt_how
    option_end
    section .data
opt_how:
    dd 0

    small_guest parse_options
%macro power_off 1 ; port of PM1a_CNT
    mov eax, SLP_EN
    cmp dword [opt_how], 1
    je %%byte
    ja %%dword
    mov dx, %1
    out dx, ax
    jmp %%done
%%byte:
    mov dx, %1 + 1
    mov al, ah
    out dx, al
    jmp %%done
%%dword:
    mov dx, %1
    out dx, eax
%%done:
%endmacro
    power_off 0x604
    power_off 0xb004
    print "guest: error: still running after the power-off", 10
    guest_end
