; Task gates in the IDT: software and hardware interrupts, exceptions with and without an error code, which goes on the
; new task's stack in its TSS's width; from level 3; what is wrong with the gate (SDM Vol. 3A, 6.12.2, 7.3).
%include "behaviour.inc"
%include "task.inc"
    extern vector_stubs32
%macro refused 1+
    catch %%after
    %1
%%after:
    see_task
%endmacro
    behaviour PAGED
    mov cr2, eax
    mov dword [tss + T32_CR3], page_directory
    task_descriptor SEL_A, tss_a, T32_BYTES - 1, TSS_32
    task_descriptor SEL_B, tss_b, T16_BYTES - 1, TSS_16
    task_gate_idt 0x42, SEL_A, 3
    task_gate_idt 0x43, SEL_B
    task_gate_idt 3, SEL_A, 3
    task_gate_idt 4, SEL_A, 3
    task_gate_idt 6, SEL_A
    task_gate_idt 13, SEL_A
    task_gate_idt 14, SEL_A
    task_gate_idt 11, SEL_B
    stc
    int 0x42
    see_task
    see_memory "tss", tss + T32_EIP, 16
    int3
    see_task
    mov al, 0x7f
    add al, al
    into
    see_task
    see_memory "tss", tss + T32_EIP, 2
    int 0x43
    see_task
    see_memory "tss b", tss_b, T16_BYTES / 4
    ; Faults: the saved EIP is theirs, RF is set.
    mov dword [tss_a + T32_EIP], on_fault
    mov dword [continue], .after_ud
    ud2
.after_ud:
    see_task
    mov dword [tss_a + T32_EIP], on_error
    mov dword [continue], .after_gp
    mov eax, 0x1234
    mov ds, eax
.after_gp:
    see_task
    mov dword [PTE32(WINDOW + 2 * PAGE)], 0
    mov dword [continue], .after_pf
    inc dword [WINDOW + 2 * PAGE + 0x123]
.after_pf:
    see_task
    descriptor SEL_OTHER, 0, 0xfffff, 0xc013 ; not present
    mov word [tss_b + T16_IP], on_error16
    mov dword [continue], .after_np
    mov eax, SEL_OTHER
    mov fs, eax
.after_np:
    see_task
    see "error, sp", [0x8000]
    gate 13, vector_stubs32 + 13 * 16, INTERRUPT_GATE
    gate 11, vector_stubs32 + 11 * 16, INTERRUPT_GATE
    ; From level 3: the DPL counts for software.
    mov dword [tss_a + T32_EIP], first
    to_ring3
    stc
    int 0x42
    to_ring0
    see_task
    see_memory "tss", tss + T32_EIP, 16
    catch_anew .dpl
    to_ring3
    int 0x43
.dpl:
    see_task
    ; IRQ
    task_gate_idt VECTOR_IRQ, SEL_A
    mov dword [tss_a + T32_EIP], on_irq
    irq_init
    irq_request
    mov eax, 0x12345678
    sti
    nop
    cli
    see_task
    see_memory "tss", tss + T32_EIP, 2
    ; Nothing there, or not to be had.
    task_gate_idt 0x44, 0
    task_gate_idt 0x45, 0xff8
    task_gate_idt 0x46, SEL_A + 4
    task_gate_idt 0x47, SEL_TSS ; busy
    task_gate_idt 0x48, SEL_DATA
    task_gate_idt 0x49, SEL_OTHER
    descriptor SEL_OTHER, 0, T32_BYTES - 1, 0x0009
    task_gate_idt 0x4a, SEL_A
    and byte [idt + 0x4a * 8 + 5], 0x7f
    task_gate_idt 0x4b, SEL_A + 3 ; the RPL does not count
    mov dword [tss_a + T32_EIP], first
    refused int 0x44
    refused int 0x45
    refused int 0x46
    refused int 0x47
    refused int 0x48
    refused int 0x49
    refused int 0x4a
    int 0x4b
    see_task
    done
first:
    see_task
    iretd
    jmp first
on_fault:
    see_task
    mov eax, [continue]
    mov [tss + T32_EIP], eax
    iretd
    jmp on_fault
on_error:
    see_task
    pop eax
    see "error", eax
    mov eax, cr2
    see "cr2", eax
    see "ip", [tss + T32_EIP]
    mov eax, [continue]
    mov [tss + T32_EIP], eax
    iretd
    jmp on_error
on_irq:
    see_task
    see "ip", [tss + T32_EIP]
    irq_end
    iretd
    jmp on_irq
    code 16
second16:
    mov [0x8000], esp
    iret
on_error16:
    pop ax
    mov [0x8000], ax
    mov [0x8002], sp
    mov eax, [dword continue]
    mov [dword tss + T32_EIP], eax
    iret
    section .data
continue:
    dd 0
    align 16
tss_a:
    tss32 first, 2, stack_user, SEL_CODE, SEL_DATA
    align 16
tss_b:
    tss16 second16, 2, 0xd000, SEL_CODE16, SEL_DATA16, SEL_DATA
