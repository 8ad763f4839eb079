; Debug exceptions and task switches: the T bit, TF of both tasks, local breakpoints end, RF; a debug handler that is a
; task of its own (SDM Vol. 3B, 17.3).
%include "behaviour.inc"
%include "task.inc"
    behaviour PROTECTED
    task_descriptor SEL_A, tss_a, T32_BYTES - 1, TSS_32
    task_descriptor SEL_B, tss_b, T32_BYTES - 1, TSS_32
    gate 1, handler, INTERRUPT_GATE
    mov word [tss_a + T32_T], 1
    call SEL_A:0
    nop
    ; TF of the old task, the new, and both.
    mov word [tss_a + T32_T], 0
    push dword FLAG_TF + 2
    popfd
    call SEL_A:0
    nop
    push dword 2
    popfd
    mov dword [tss_a + T32_FLAGS], FLAG_TF + 2
    mov dword [tss_a + T32_EIP], stepped
    call SEL_A:0
    mov dword [tss_a + T32_EIP], stepped
    mov word [tss_a + T32_T], 1
    call SEL_A:0
    ; T, and the first instruction cannot be reached.
    mov word [tss_a + T32_T], 1
    mov dword [tss_a + T32_FLAGS], 2
    mov dword [tss_a + T32_CS], SEL_CODE16
    catch .limit
    call SEL_A:0
.limit:
    see_task
    frame_task
    ; A local breakpoint is off in the new task, a global one is not; RF keeps it from the first instruction.
    task_descriptor SEL_A, tss_a, T32_BYTES - 1, TSS_32
    mov word [tss_a + T32_T], 0
    mov dword [tss_a + T32_CS], SEL_CODE
    mov dword [tss_a + T32_EIP], broken
    mov eax, broken
    mov dr0, eax
    mov eax, broken.next
    mov dr1, eax
    mov eax, 0x400 + 1 + 8 ; L0, G1
    mov dr7, eax
    call SEL_A:0
    mov dword [tss_a + T32_EIP], broken
    mov dword [tss_a + T32_FLAGS], FLAG_RF + 2
    mov eax, 0x400 + 2 + 4
    mov dr7, eax
    call SEL_A:0
    mov eax, 0x400
    mov dr7, eax
    ; A watched TSS.
    mov eax, tss + T32_EIP
    mov dr0, eax
    mov eax, tss_a + T32_EIP
    mov dr1, eax
    mov eax, 0x400 + 2 + 8 + (0b1101 << 16) + (0b1111 << 20)
    mov dr7, eax
    mov dword [tss_a + T32_FLAGS], 2
    mov dword [tss_a + T32_EIP], first
    call SEL_A:0
    mov eax, 0x400
    mov dr7, eax
    ; The handler is a task.
    task_gate_idt 1, SEL_B
    push dword FLAG_TF + 2
    popfd
    nop
    nop
    push dword 2
    popfd
    see_task
    mov eax, .break
    mov dr0, eax
    mov eax, 0x402
    mov dr7, eax
.break:
    nop
    see_task
    int 1
    db 0xf1
    see_task
    done
first:
    see_task
    iretd
    jmp first
stepped:
    nop
    mov eax, 1
    push dword FLAG_NT + 2
    popfd
    iretd
broken:
    nop
.next:
    iretd
; EIP, CS, EFLAGS
handler:
    see "ip", [esp]
    see "flags", [esp + 8]
    push eax
    mov eax, dr6
    see "dr6", eax
    mov eax, dr7
    see "dr7", eax
    mov eax, 0xffff0ff0
    mov dr6, eax
    str eax
    see "tr", eax
    pop eax
    or dword [esp + 8], FLAG_RF
    iretd
handler_task:
    see "ip", [tss + T32_EIP]
    see "flags", [tss + T32_FLAGS]
    see_task
    mov eax, dr6
    see "dr6", eax
    mov eax, 0xffff0ff0
    mov dr6, eax
    or dword [tss + T32_FLAGS], FLAG_RF
    iretd
    jmp handler_task
    section .data
    align 16
tss_a:
    tss32 first, 2, stack_user, SEL_CODE, SEL_DATA
    align 16
tss_b:
    tss32 handler_task, 2, stack_ist, SEL_CODE, SEL_DATA
