; Tasks in virtual-8086 mode: in by CALL, IRET and JMP to a TSS whose EFLAGS has VM, out by task gates (SDM Vol. 3B, 21.3.2).
%include "behaviour.inc"
%include "task.inc"
    extern vector_stubs32
    behaviour PROTECTED
    task_descriptor SEL_A, tss_a, T32_BYTES - 1, TSS_32
    task_descriptor SEL_B, tss_b, T32_BYTES - 1, TSS_32
    task_gate_idt 0x42, SEL_B, 3
    gate 0x44, .to_level0, INTERRUPT_GATE | FOR_LEVEL3
    gate 0x45, .refused, INTERRUPT_GATE | FOR_LEVEL3
    task_gate_idt 13, SEL_B
    jmp SEL_A:0
    see_task
    see_memory "tss a", tss_a, T32_BYTES / 4
    see_memory "tss b", tss_b, T32_BYTES / 4
    ; EIP behind the limit.
    mov esi, pristine_a
    mov edi, tss_a
    mov ecx, T32_BYTES / 4
    rep movsd
    mov dword [tss_a + T32_EIP], 0x10000
    mov dword [resume], .wrong
    mov dword [resume_sp], stack
    gate 13, vector_stubs32 + 13 * 16, INTERRUPT_GATE
    task_descriptor SEL_A, tss_a, T32_BYTES - 1, TSS_32
    call SEL_A:0
.wrong:
    see_task
    done
.to_level0:
    push dword SEL_DATA
    pop ds
    see "ip", [esp]
    see "flags", [esp + 8]
    see_task
    iretd
.refused:
    push dword SEL_DATA
    pop ds
    jmp SEL_TSS:0
second:
    see_task
    see "ip", [tss_a + T32_EIP]
    see "flags", [tss_a + T32_FLAGS]
    see "cs", [tss_a + T32_CS]
    iretd
    see_task
    pop eax
    see "error", eax
    inc dword [tss_a + T32_EIP] ; over HLT
    iretd
    jmp second
    code 16
v86:
    mov ax, ds
    mov [0], ax
    mov [2], sp
    int 0x42
    mov [4], ax
    hlt ; #GP to the task of the handler
    int 0x44
    int 0x45
    section .data
    align 16
%macro tss_v86 0
    dd 0, stack_tss, SEL_DATA, 0, 0, 0, 0, 0
    dd v86, 0x23002, 0xa0, 0xc1, 0xd2, 0xb3, 0xabc0e000, 0xb5, 0x56, 0xd7
    dd 0x0801, 0, 1, 0x0800, 0x0802, 0x0803, 0, T32_BYTES << 16
%endmacro
tss_a:
    tss_v86
pristine_a:
    tss_v86
    align 16
tss_b:
    tss32 second, 2, stack_user, SEL_CODE, SEL_DATA
