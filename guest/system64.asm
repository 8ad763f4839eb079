; System instructions of 64-bit mode, compatibility mode, and real mode after it:
; descriptor tables, segment loads, far transfers, a 64-bit call gate, interrupts
; with and without IST, IRET between levels 0 and 3 and to compatibility mode, the
; way back to real mode. Descriptors and page-table entries start with the accessed
; bits clear.
;
; Region for the oracle: trace_from to 0x7000 + real_end - real_start (the real-mode
; part is copied there). Ends with the exit port.

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"

EXIT_PORT equ 0xf4
ACCESSED equ 1
REAL_SEGMENT equ 0x700
REAL_START equ REAL_SEGMENT * 16
REAL_STACK equ 0x6000

    section .data
    align 16
gdt:
    dq 0
code32:
    dq 0x00cf9a000000ffff
data0:
    dq 0x00cf92000000ffff
user64:
    dq 0x00affa000000ffff
data3:
    dq 0x00cff2000000ffff
code64:
    dq 0x00af9a000000ffff
tss_descriptor:
    dq 0, 0
gate:
    dq 0, 0
code16:
    dq 0x00009a000000ffff
data16:
    dq 0x000092000000ffff
gdt_end:
gdt_pointer:
    dw gdt_end - gdt - 1
    dd gdt, 0

idt:
    times 0x82 dq 0, 0
idt_pointer:
    dw 0x82 * 16 - 1
    dd idt, 0

tss:
    times 26 dd 0

%define SEL(name) (name - gdt)

to_long:
    dd long_mode
    dw SEL(code64)
to_wide:
    dd wide, 0
    dw SEL(code64)
to_function:
    dd far_function
    dw SEL(code64)
to_gate:
    dd 0
    dw SEL(gate)

    section .bss
    alignb 4096
pml4:
    resb 4096
pdpt:
    resb 4096
pd:
    resb 4096
    resb 1024
stack0:
    resb 1024
stack3:
    resb 1024
stack_tss:
    resb 1024
stack_ist:
    resb 64
store:
    resb 16

    section .text
    bits 32
    global start, trace_from, real_start, real_end

; set_gate AT, HANDLER, the word with P, DPL, type, IST
%macro set_gate 3
    mov eax, %2
    mov [%1], ax
    mov word [%1 + 2], SEL(code64)
    mov word [%1 + 4], %3
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
    mov dword [tss + 0x24], stack_ist
    set_gate gate, through_gate, 0xec00
    set_gate idt + 0x80 * 16, interrupt, 0xee00
    set_gate idt + 0x81 * 16, interrupt, 0xee01
    set_gate idt + 13 * 16, protection, 0x8e00
    mov dword [pml4], pdpt + 7
    mov dword [pdpt], pd + 7
%assign i 0
%rep 16
    mov dword [pd + 8 * i], i * 0x200000 + 0x87
%assign i i + 1
%endrep
    lgdt [gdt_pointer]
    mov eax, SEL(data0)
    mov fs, eax
    mov gs, eax
    and byte [data0 + 5], ~ACCESSED
    mov eax, cr4
    or eax, 0x20 ; PAE
    mov cr4, eax
    mov eax, pml4
    mov cr3, eax
    mov ecx, 0xc0000080 ; EFER: LME, SCE
    rdmsr
    or eax, 0x101
    wrmsr
    mov eax, cr0
    or eax, 0x80000000

trace_from:
    mov cr0, eax
    jmp far [to_long]

    bits 64
long_mode:
    lidt [idt_pointer]
    lgdt [gdt_pointer]
    sidt [store]
    mov eax, SEL(data0)
    mov ds, eax
    mov ss, eax
    mov eax, SEL(tss_descriptor)
    ltr ax
    mov esp, stack0
    jmp far qword [to_wide]
wide:
    push fs
    pop gs
    call far dword [to_function]
    int 0x80
    int 0x81 ; with an IST
    and byte [code64 + 5], ~ACCESSED
    and byte [data0 + 5], ~ACCESSED
    push qword SEL(data3) | 3
    push qword stack3
    push qword 2
    push qword SEL(user64) | 3
    push qword user
    iretq

far_function:
    retf
through_gate:
    o64 retf
interrupt:
    iretq
protection: ; HLT at level 3: on in compatibility mode
    mov esp, stack_ist - 64
    push qword SEL(data0)
    push qword stack_ist - 256
    push qword 2
    push qword SEL(code32)
    push qword compatibility
    iretq

user:
    int 0x80
    and byte [code64 + 5], ~ACCESSED
    call far dword [to_gate]
    hlt

    bits 32
compatibility:
    push dword 2
    push dword SEL(code32)
    push dword .again
    iret
.again:
    mov eax, SEL(data0)
    mov ds, eax
    mov es, eax
    mov eax, cr0
    and eax, 0x7fffffff
    mov cr0, eax
    mov esi, real_start
    mov edi, REAL_START
    mov ecx, real_bytes
    rep movsb
    jmp SEL(code16):REAL_START

%define IN_REAL(name) (name - real_start)

    section .data
    bits 16
real_start:
    mov ax, SEL(data16)
    mov ds, ax
    mov ss, ax
    mov es, ax
    mov eax, cr0
    and al, ~1
    mov cr0, eax
    jmp REAL_SEGMENT:IN_REAL(.real)
.real:
    xor ax, ax
    mov ss, ax
    mov sp, REAL_STACK
    mov ds, ax
    mov es, ax
    o32 lidt [cs:IN_REAL(.ivt)]
    mov word [0x80 * 4], IN_REAL(.interrupt)
    mov word [0x80 * 4 + 2], REAL_SEGMENT
    call REAL_SEGMENT:IN_REAL(.function)
    call far [cs:IN_REAL(.pointer)]
    o32 call far [cs:IN_REAL(.pointer32)]
    int 0x80
    les bx, [cs:IN_REAL(.pointer)]
    pushfd
    push dword REAL_SEGMENT
    push dword IN_REAL(.back)
    iretd
.back:
    jmp far [cs:IN_REAL(.pointer_end)]
.function:
    retf
.function32:
    o32 retf
.interrupt:
    iret
.ivt:
    dw 0x3ff
    dd 0
.pointer:
    dw IN_REAL(.function), REAL_SEGMENT
.pointer32:
    dd IN_REAL(.function32)
    dw REAL_SEGMENT
.pointer_end:
    dw IN_REAL(real_end), REAL_SEGMENT
real_end:
    mov al, 0
    out EXIT_PORT, al
    jmp $
real_bytes equ $ - real_start
