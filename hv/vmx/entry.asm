; The way into the guest and back. Only general registers: the vector registers
; hold the guest's values throughout.

VMCS_HOST_RSP equ 0x6C14

%macro for_gprs 1               ; all but RSP (in the VMCS) and RDI (holds the pointer), by number in struct vcpu
    %1 rax, 0
    %1 rcx, 1
    %1 rdx, 2
    %1 rbx, 3
    %1 rbp, 5
    %1 rsi, 6
    %1 r8, 8
    %1 r9, 9
    %1 r10, 10
    %1 r11, 11
    %1 r12, 12
    %1 r13, 13
    %1 r14, 14
    %1 r15, 15
%endmacro
%macro load_gpr 2
    mov %1, [rdi + %2 * 8]
%endmacro
%macro save_gpr 2
    mov [rdi + %2 * 8], %1
%endmacro
%define GUEST_RDI rdi + 7 * 8

section .text
bits 64
global vmx_enter, vmx_exit_entry, vmx_host_rsp

; int vmx_enter(uint64_t gpr[], bool launched): 0 after a VM exit; 1 when VMLAUNCH or VMRESUME
; failed with an error number in the VMCS, 2 when it failed without one.
vmx_enter:
    push rbp
    push rbx
    push r12
    push r13
    push r14
    push r15
    push rdi
    cmp rsp, [rel vmx_host_rsp] ; nearly always: a VMWRITE may be expensive
    je .host_rsp_known
    mov eax, VMCS_HOST_RSP
    vmwrite rax, rsp
    jbe .failed
    mov [rel vmx_host_rsp], rsp
.host_rsp_known:
    test sil, sil               ; the loads below leave the flags alone
    for_gprs load_gpr
    mov rdi, [GUEST_RDI]
    jz .launch
    vmresume
    jmp .failed_flags
.launch:
    vmlaunch
.failed_flags:
    mov rdi, [rsp]
.failed:
    setc al                     ; CF: VMfailInvalid
    movzx eax, al
    inc eax
    jmp common_return

; The VMCS's host RIP.
vmx_exit_entry:
    push rdi
    mov rdi, [rsp + 8]
    for_gprs save_gpr
    pop rax
    mov [GUEST_RDI], rax
    xor eax, eax
common_return:
    pop rdi
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbx
    pop rbp
    ret

section .bss
alignb 8
; What the current VMCS holds as host RSP. Another VMCS begins with 0 here (vmcs_write_host).
vmx_host_rsp: resq 1
