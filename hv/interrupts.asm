; The hypervisor's own GDT, TSS and IDT entry points. It runs with interrupts
; off: what arrives here is an exception (foreseen in hv/fixup.h, or a bug: reported,
; the run ends) or an NMI (the guest's: noted and handed on).

%include "hv/frame.inc"

global gdt, gdt_pointer, load_descriptor_tables, exception_entries, exception_common, tss
extern exception_handler
extern nmi_stack_top
extern fault_stack_top

section .data
align 16
gdt:
    dq 0
    dq 0x00AF9B000000FFFF       ; 0x08 64-bit code
    dq 0x00CF93000000FFFF       ; 0x10 data
tss_descriptor:
    dq 0, 0                     ; 0x18 TSS, filled in below: its address is not a link-time constant here
gdt_pointer:
    dw gdt_pointer - gdt - 1
    dq gdt

align 16
tss:
    times 104 db 0
tss_end:

section .text
bits 64

; void load_descriptor_tables(const void *idt_pointer)
load_descriptor_tables:
    mov rax, fault_stack_top
    mov [rel tss + 36], rax     ; IST1
    mov rax, nmi_stack_top
    mov [rel tss + 44], rax     ; IST2
    mov word [rel tss + 102], tss_end - tss
    lea rax, [rel tss]
    lea rdx, [rel tss_descriptor]
    mov word [rdx], tss_end - tss - 1
    mov [rdx + 2], ax
    shr rax, 16
    mov [rdx + 4], al
    mov byte [rdx + 5], 0x89    ; present, available 64-bit TSS
    mov byte [rdx + 6], 0
    mov [rdx + 7], ah
    shr rax, 16
    mov [rdx + 8], eax
    lgdt [rel gdt_pointer]
    push 0x08
    lea rax, [rel .reload]
    push rax
    retfq
.reload:
    mov eax, 0x10
    mov ss, eax
    xor eax, eax
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov eax, 0x18
    ltr ax
    lidt [rdi]
    ret

; One 16-byte entry per vector: error code (0 where the CPU pushes none), vector, common part.
%macro ENTRY 1
align 16
%%entry:
%if %1 != 8 && (%1 < 10 || %1 > 14) && %1 != 17 && %1 != 21 && %1 != 29 && %1 != 30
    push 0
%endif
    push %1
    jmp near exception_common
%endmacro

align 16
exception_entries:
%assign vector 0
%rep 32
    ENTRY vector
%assign vector vector + 1
%endrep

exception_common:
    push_registers
    mov rdi, rsp
    cld
    call exception_handler
    pop_registers
    add rsp, 16
    iretq
