; Debug registers while a trigger of Engram's takes some of them:
;
;   - a breakpoint of the guest's own at trace_from, where a trigger may lie too
;   - MOV to and from DR7 in compatibility mode, with bits above 32 set in the
;     register: they do not count there
;
; Prints "breakpoints N protection N dr7 0x…" (what DR7 read back) and FINISHED.

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"
%include "long.inc"

DR7_L0 equ 1
DR7_L1 equ 4

    section .bss
    alignb 4096
    resb 4096
stack_top:
    resb 4096
tss_ist1:
breakpoints:
    resq 1
protection:
    resq 1

    section .data
    align 8
to_compatibility:
    dd compatibility, SEL_CODE32

    section .text
    bits 32
    global start, trace_from, finished
start:
    cli
    cld
    serial_init
    print "BOOT", 10, "START", 10
    interrupt_gate 1, on_debug, 0, 0
    interrupt_gate 13, on_protection, 0, 0
    enter_long_mode
    load_event_tables
    mov esp, stack_top
    mov eax, trace_from
    mov dr0, rax
    mov eax, DR7_L0
    mov dr7, rax
    nop
trace_from:
    nop
    xor eax, eax
    mov dr7, rax

    mov rax, 0x1234567800000400 + DR7_L1
    mov rbx, -1
    jmp far dword [to_compatibility]
    bits 32
compatibility:
    mov dr7, eax
    mov ebx, dr7
    jmp SEL_CODE64:.back
    bits 64
.back:
    mov r12, rbx
    print "breakpoints "
    mov ecx, [breakpoints]
    put_dec
    print " protection "
    mov ecx, [protection]
    put_dec
    print " dr7 0x"
    mov ecx, r12d
    put_hex
    print 10, "FINISHED", 10
finished:
    nop
    guest_end

on_debug: ; RF in the frame, or the breakpoint would hit again
    inc qword [breakpoints]
    or dword [rsp + 16], 0x10000
    iretq
on_protection: ; over the MOV, which has 3 bytes
    inc qword [protection]
    add rsp, 8
    add qword [rsp], 3
    iretq
