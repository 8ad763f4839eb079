; A page fault whose frame would go to a page that is not there either: a double
; fault, whose handler has a stack of its own and stores CR2 (the second fault's
; address) and the error code.
;
; Region for the oracle: trace_from to trace_to.

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"
%include "long.inc"

HOLE equ 20 ; a page of the kernel window

    section .bss
    alignb 4096
    resb 4096
tss_ist1:
seen: ; CR2, error code
    resq 2

    section .text
    bits 32
    global start, trace_from, trace_to
start:
    cli
    cld
    serial_init
    print "BOOT", 10
    interrupt_gate 14, on_page_fault, 0, 0
    interrupt_gate 8, on_double_fault, 1, 0
    mov dword [kernel_pt + HOLE * 8], 0
    enter_long_mode
    load_event_tables
    print "START", 10
trace_from:
    mov rsp, KERNEL_WINDOW + HOLE * 4096 + 0x800
    mov rax, 0x4444440000
    mov rbx, [rax]
on_page_fault: ; not reached
    hlt
on_double_fault:
    mov rax, cr2
    mov [seen], rax
    mov rax, [rsp]
    mov [seen + 8], rax
trace_to:
    nop
    print "STOP", 10
    guest_end
