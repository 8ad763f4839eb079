; The way from the core to CPL 3 and back (gate.h). The core switches address
; spaces here, so stacks are chosen to be mapped in both at every instruction:
; an NMI may come at any of them.

%include "hv/frame.inc"

global gate_init, gate_enter, gate_wait, gate_enter_natively, gate_native_call, gate_native_done
global gate_context, gate_native_context, gate_core_cr3, gate_user_cr3, gate_nmis, gate_interrupt, gate_ports
extern exception_common

VECTORS             equ 256
ENTRY_BYTES         equ 16
NO_ERROR_CODE       equ 0x100
NMI                 equ 2
RFLAGS_IF           equ 1 << 9
CORE_CODE           equ 0x08
CORE_DATA           equ 0x10
TSS_SELECTOR        equ 0x18
CONTEXT_BYTES       equ 22 * 8
STACK_BYTES         equ 4096
NATIVE_STACK_BYTES  equ 1024            ; context_end stays a multiple of 16, and so does what follows

section .gate.text progbits alloc exec nowrite align=4096
bits 64

; One entry per vector: the vector; gate_common finds out about the error code.
align 16
entries:
%assign vector 0
%rep VECTORS
    align ENTRY_BYTES
    push vector
    jmp near gate_common
%assign vector vector + 1
%endrep

; The CPU aligns the stack to 16 before it pushes SS, RSP, RFLAGS, CS, RIP and perhaps an error code (SDM Vol. 3A,
; 6.14.2): bit 3 tells whether there was one. An interrupt that was mapped to vector 8 or 13 pushes none.
align 16
gate_common:
    cld
    test spl, 8
    jnz .pushed
    push qword [rsp]
    mov qword [rsp + 8], 0
    or qword [rsp], NO_ERROR_CODE
.pushed:
    test byte [rsp + 24], 3
    jz from_core
    push_registers
    mov rax, [rel gate_core_cr3]
    mov cr3, rax
    mov rsp, [rel core_rsp]
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

gate_enter:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov [rel core_rsp], rsp
    lea rsp, [rel gate_context]
    mov rax, [rel gate_user_cr3]
    mov cr3, rax
    pop_registers
    add rsp, 16
    iretq

; The core's own work: exceptions leave another context, and all ports are open.
gate_enter_natively:
    lea rax, [rel native_context_end]
    mov [rel tss + 4], rax
    mov word [rel tss + 102], all_ports - tss
    call .enter
    lea rax, [rel context_end]
    mov [rel tss + 4], rax
    mov word [rel tss + 102], gate_ports - tss
    ret
.enter:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov [rel core_rsp], rsp
    lea rsp, [rel gate_native_context]
    pop_registers
    add rsp, 16
    iretq

gate_native_call:
    call rax
gate_native_done:
    ud2

; From CPL 0: an NMI, at any place; an interrupt, in gate_wait() only; else an error of the core.
from_core:
    cmp byte [rsp], NMI
    jne .no_nmi
    lock inc dword [rel gate_nmis]
    add rsp, 16
    iretq
.no_nmi:
    cmp byte [rel waiting], 0
    je .exception
    test qword [rsp], NO_ERROR_CODE
    jz .exception
    push rax
    movzx eax, byte [rsp + 8]
    mov [rel gate_interrupt], eax
    pop rax
    and qword [rsp + 32], ~RFLAGS_IF
    add rsp, 16
    iretq
.exception:
    push rax
    mov rax, [rel gate_core_cr3]
    mov cr3, rax
    pop rax
    and qword [rsp], 0xff
    jmp near exception_common

; void gate_wait(uint64_t until): spins, as a halted CPU could miss `until` where the guest has no timer.
gate_wait:
    mov byte [rel waiting], 1
    sti
.again:
    pause
    cmp dword [rel gate_interrupt], -1
    jne .over
    rdtsc
    shl rdx, 32
    or rax, rdx
    cmp rax, rdi
    jb .again
.over:
    cli
    mov byte [rel waiting], 0
    ret

gate_init:
    lea rax, [rel context_end]
    mov [rel tss + 4], rax      ; RSP0
    mov word [rel tss + 102], gate_ports - tss
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

    lea rax, [rel entries]
    lea rdx, [rel idt]
    mov ecx, VECTORS
.gate:
    mov [rdx], ax
    mov word [rdx + 2], CORE_CODE
    mov word [rdx + 4], 0x8e00  ; interrupt gate, for CPL 0's software only
    mov r8, rax
    shr r8, 16
    mov [rdx + 6], r8w
    shr r8, 16
    mov [rdx + 8], r8d
    mov dword [rdx + 12], 0
    add rax, ENTRY_BYTES
    add rdx, 16
    dec ecx
    jnz .gate

    lgdt [rel gdt_pointer]
    mov eax, TSS_SELECTOR
    ltr ax
    lidt [rel idt_pointer]
    ret

section .gate.data progbits alloc noexec write align=4096
gate_stack: times STACK_BYTES - CONTEXT_BYTES db 0
gate_context:
    times CONTEXT_BYTES db 0
context_end:
    times NATIVE_STACK_BYTES db 0
gate_native_context:
    times CONTEXT_BYTES db 0
native_context_end:
align 16
idt: times VECTORS * 16 db 0
idt_pointer:
    dw VECTORS * 16 - 1
    dq idt
align 16
gdt:
    dq 0
    dq 0x00AF9B000000FFFF       ; 0x08 64-bit code
    dq 0x00CF93000000FFFF       ; 0x10 data
tss_descriptor:
    dq 0, 0                     ; 0x18 TSS
    dq 0x00CFF3000000FFFF       ; 0x28 data, CPL 3
    dq 0x00AFFB000000FFFF       ; 0x30 64-bit code, CPL 3
gdt_pointer:
    dw gdt_pointer - gdt - 1
    dq gdt
; The TSS and its I/O permission bitmap, a bit set for each port that CPL 3 must not touch; one more byte of ones ends
; it (SDM Vol. 1, 19.5.2).
align 16
tss:
    times 104 db 0
gate_ports: times 65536 / 8 + 1 db 0xff
all_ports: times 65536 / 8 db 0
    db 0xff
tss_end:
align 8
gate_core_cr3:  dq 0
gate_user_cr3:  dq 0
core_rsp:       dq 0
gate_nmis:      dd 0
gate_interrupt: dd -1
waiting:        db 0
