; INT n, INT3, INTO and INT1 through interrupt and trap gates: IF in the handler, and what the gate's DPL
; allows level 3.
%include "behaviour.inc"
    behaviour PROTECTED
    gate 1, .handler, INTERRUPT_GATE
    gate 3, .handler, TRAP_GATE
    gate 4, .handler, INTERRUPT_GATE
    gate 0x41, .handler, TRAP_GATE | FOR_LEVEL3
    gate 0x42, .handler, TRAP_GATE
    mov al, 0xff
    out 0x21, al
    out 0xa1, al
    sti
    int 0x41
    int 0x42
    int3
    db 0xf1 ; INT1: no privilege is checked
    mov al, 0x7f
    inc al
    into
    clc
    mov al, 0
    inc al
    into ; OF is 0
    cli
    catch_anew .refused
    to_ring3
    int 0x42
.refused:
    catch_anew .breakpoint
    to_ring3
    int3
.breakpoint:
    to_ring3
    db 0xf1
    int 0x41
    to_ring0
    catch .outside
    int 0x61 ; behind the IDT's limit
.outside:
    mov dword [idt + 0x43 * 8 + 4], 0
    catch .absent
    int 0x43
.absent:
    mov dword [idt + 0x43 * 8 + 4], 0x8500 ; no task gate, but a call gate's type and such
    mov byte [idt + 0x43 * 8 + 5], 0x8c
    catch .type
    int 0x43
.type:
    mov byte [idt + 0x43 * 8 + 5], 0x0e
    catch .not_present
    int 0x43
.not_present:
    done
.handler:
    see_flags "if", FLAG_IF
    push eax
    see "ip", [esp + 4]
    pop eax
    iretd
