; NMIs that the guest sends itself through its local APIC: between instructions,
; before a write, before a REP, from the handler of another NMI (it waits for that
; one's IRET), from a software interrupt's handler, and with interrupts off and
; right after STI.
;
; Region for the oracle: trace_from to trace_to.

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"
%include "protected.inc"

APIC equ 0xfee00000
APIC_SPURIOUS equ APIC + 0xf0
APIC_ICR_HIGH equ APIC + 0x310
APIC_ICR equ APIC + 0x300
ICR_NMI equ 0x400
VECTOR_NMI equ 2
VECTOR_UD equ 6
VECTOR_SOFT equ 0x30

    section .bss
    alignb 4096
    resb 4096
stack_top:
data:
    resb 4096
count: ; NMIs
    resd 1
send_again: ; the handler sends one more
    resd 1
in_handler:
    resd 2
soft_count:
    resd 1

    section .text
    bits 32
    global start, trace_from, trace_to

start:
    cli
    cld
    serial_init
    load_flat_segments
    mov esp, stack_top
    print "BOOT", 10
    protected_gate VECTOR_NMI, on_nmi
    protected_gate VECTOR_UD, on_undefined
    protected_gate VECTOR_SOFT, on_soft
    lidt [idt_pointer]
    or dword [APIC_SPURIOUS], 0x100
    mov al, 0xff ; both 8259s: no interrupts
    out 0x21, al
    out 0xa1, al
    mov dword [APIC_ICR_HIGH], 0
    print "START", 10

trace_from:
    mov eax, ICR_NMI
    mov [APIC_ICR], eax
    mov dword [data], 1
    mov dword [data], 2
    sti
    mov [APIC_ICR], eax
    mov dword [data + 4], 3
    mov [APIC_ICR], eax
    push eax
    add dword [data + 4], 4
    mov edi, data + 100
    mov ecx, 10
    mov [APIC_ICR], eax
    nop ; RF in the frame of an NMI right before a REP: docs/engines.md, quirks
    rep stosd
    int VECTOR_SOFT
    ud2
    mov dword [send_again], 1
    mov [APIC_ICR], eax
    mov dword [data + 8], 7
    mov dword [data + 8], 8
    cli
trace_to:
    nop
    print "STOP", 10
    guest_end

on_nmi:
    inc dword [count]
    cmp dword [send_again], 1
    jne .once
    mov dword [send_again], 0
    mov dword [APIC_ICR], ICR_NMI
    inc dword [in_handler]
    inc dword [in_handler]
.once:
    iretd

on_undefined:
    add dword [esp], 2
    iretd

on_soft:
    mov dword [APIC_ICR], ICR_NMI
    inc dword [soft_count]
    iretd
