; Task switches by far CALL, nested, and back by IRET with NT: links, busy bits, NT of both tasks (SDM Vol. 3A, 7.4).
%include "behaviour.inc"
%include "task.inc"
    behaviour PROTECTED
    task_descriptor SEL_A, tss_a, T32_BYTES - 1, TSS_32
    task_descriptor SEL_B, tss_b, T32_BYTES - 1, TSS_32
    task_gate SEL_GATE, SEL_B
    call SEL_A:0
    see_registers
    see_task
    see_memory "links", tss_a, 1
    see_memory "links", tss_b, 1
    see_memory "tss a", tss_a + T32_EIP, 10
    see_memory "tss b", tss_b + T32_EIP, 10
    ; Where they stopped they go on.
    clts
    call far [indirect]
    see_task
    ; NT of the caller stays.
    push dword FLAG_NT + 2
    popfd
    call SEL_A:0
    see_task
    see_memory "tss", tss + T32_FLAGS, 1
    ; A task gate to one.
    mov dword [tss_b + T32_EIP], last
    call SEL_GATE:0
    see_task
    ; JMP out of a nested task, which is not busy then; those it is nested in stay so.
    mov dword [tss_b + T32_EIP], leaves
    call SEL_GATE:0
    done
first:
    see_registers
    see_task
    clts
    catch .busy
    call SEL_TSS:0
.busy:
    see_task ; NT is lost there
    push dword FLAG_NT + 2
    popfd
    call SEL_GATE:0
    see_task
    iretd
    see_task
    mov ecx, 0xc1c1c1c1
    iretd
    see_task
    iretd
second:
    see_task
    catch .busy
    jmp SEL_A:0
.busy:
    push dword FLAG_NT + FLAG_CF + 2
    popfd
    iretd
last:
    see_task
    clts
    iret ; the operand size does not count
leaves:
    jmp SEL_A:0
    section .data
    align 4
indirect:
    dd 0
    dw SEL_A
    align 16
tss_a:
    tss32 first, 2, stack_user, SEL_CODE, SEL_DATA
    align 16
tss_b:
    tss32 second, 2, stack_ist, SEL_CODE, SEL_DATA
