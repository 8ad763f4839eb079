; System instructions of 32-bit protected mode without paging: descriptor tables,
; segment loads, far transfers, call gates, interrupts and IRET between levels 0
; and 3. All descriptors start with the accessed bit clear, and some get it cleared
; again, so that the CPU's own writes show.
;
; Region for the oracle: trace_from to trace_to. Ends with the exit port.

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"

EXIT_PORT equ 0xf4
ACCESSED equ 1

    section .data
    align 16
gdt:
    dq 0
code0:
    dq 0x00cf9a000000ffff
data0:
    dq 0x00cf92000000ffff
code3:
    dq 0x00cffa000000ffff
data3:
    dq 0x00cff2000000ffff
tss_descriptor:
    dq 0
gate:
    dq 0
data0_other:
    dq 0x00cf92000000ffff
conforming:
    dq 0x00cf9e000000ffff
gdt_end:
gdt_pointer:
    dw gdt_end - gdt - 1
    dd gdt

idt:
    times 0x82 dq 0
idt_pointer:
    dw 0x82 * 8 - 1
    dd idt

tss:
    times 26 dd 0
far_pointer:
    dd 0x12345678
    dw data0_other - gdt

%define SEL(name) (name - gdt)

    section .bss
    alignb 16
    resb 1024
stack0:
    resb 1024
stack3:
    resb 1024
stack_tss:
    resb 64
store:
    resb 16

    section .text
    bits 32
    global start, trace_from, trace_to

; set_gate AT, HANDLER, SELECTOR, the word with P, DPL, type (and the gate's parameters)
%macro set_gate 4
    mov eax, %2
    mov [%1], ax
    mov word [%1 + 2], %3
    mov word [%1 + 4], %4
    shr eax, 16
    mov [%1 + 6], ax
%endmacro

start:
    cli
    cld
    serial_init
    mov esp, stack0
    print "BOOT", 10, "START", 10
    mov eax, tss
    mov word [tss_descriptor], 103
    mov [tss_descriptor + 2], ax
    shr eax, 16
    mov [tss_descriptor + 4], al
    mov byte [tss_descriptor + 5], 0x89
    mov [tss_descriptor + 7], ah
    mov dword [tss + 4], stack_tss
    mov dword [tss + 8], SEL(data0)
    set_gate gate, through_gate, SEL(code0), 0xec02       ; DPL 3, two parameters
    set_gate idt + 0x80 * 8, interrupt, SEL(code0), 0xee00 ; DPL 3
    set_gate idt + 13 * 8, protection, SEL(conforming), 0x8e00
    add eax, eax ; flags that every processor sets alike

trace_from:
    lgdt [gdt_pointer]
    lidt [idt_pointer]
    sgdt [store]
    jmp SEL(code0):.loaded
.loaded:
    mov eax, SEL(data0)
    mov ds, eax
    mov ss, eax
    mov eax, SEL(tss_descriptor)
    ltr ax
    lfs ebx, [far_pointer]
    push fs
    pop es
    o16 push ds
    o16 pop ds
    pushfd
    o16 pushf
    o16 popf
    popfd
    call SEL(code0):far_function
    int 0x80
    and byte [code0 + 5], ~ACCESSED
    int 0x80
    and byte [code0 + 5], ~ACCESSED
    and byte [data0 + 5], ~ACCESSED
    push dword SEL(data3) | 3
    push dword stack3
    push dword 0x3002 ; IOPL 3, for the exit port
    push dword SEL(code3) | 3
    push dword user
    iret

far_function:
    retf
through_gate:
    retf 8
interrupt:
    iret
protection: ; INT 81H, whose gate is not there: on from the end
    add esp, 4
    mov dword [esp], trace_to
    iret

user:
    int 0x80
    mov eax, SEL(data3) | 3
    mov ds, eax
    and byte [code0 + 5], ~ACCESSED
    and byte [data0 + 5], ~ACCESSED
    push dword 0x11
    push dword 0x22
    call SEL(gate):0
    push cs
    push ss
    smsw [store]
    sldt [store]
    str [store]
    int 0x81
trace_to:
    mov al, 0
    out EXIT_PORT, al
    jmp $
