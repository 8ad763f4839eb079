; Task switches by far JMP: to a TSS and through a task gate, direct and indirect, there and back, from level 3; what
; of the old task is stored and what of the new one loaded (SDM Vol. 3A, 7.3).
%include "behaviour.inc"
%include "task.inc"
    behaviour PROTECTED
    task_descriptor SEL_A, tss_a, T32_BYTES - 1, TSS_32
    task_descriptor SEL_B, tss_b, 0xfff, TSS_32
    task_gate SEL_GATE, SEL_B
    mov eax, 0x155 | 0x2aa | 0x400
    mov dr7, eax
    mov eax, 0x11111111
    mov ecx, 0x22222222
    mov edx, 0x33333333
    mov ebx, 0x44444444
    mov ebp, 0x55555555
    mov esi, 0x66666666
    mov edi, 0x77777777
    stc
    jmp SEL_A:0x12345678 ; the offset does not count
    see_registers
    see_task
    see_memory "tss", tss, T32_BYTES / 4
    see_memory "tss a", tss_a, T32_BYTES / 4
    mov eax, dr7
    see "dr7", eax
    clts
    jmp far [indirect]
    see_task
    ; Level 3 may go where the DPLs let it, with an RPL as well.
    task_descriptor SEL_A, tss_a, T32_BYTES - 1, TSS_32 | 0x6000
    mov dword [tss_a + T32_EIP], .from_user
    mov dword [tss_a + T32_ESP], stack
    to_ring3
    jmp SEL_A + 3:0
.user_again:
    jmp SEL_GATE + 3:0
.from_user:
    see_task
    see_memory "user", tss + T32_EIP, 16
    task_gate SEL_GATE, SEL_B, 3
    mov dword [tss_b + T32_EIP], .from_gate
    jmp SEL_TSS:0
.from_gate:
    see_task
    see_memory "user", tss + T32_EIP, 16
    ; To level 3.
    mov dword [tss_a + T32_EIP], .level3
    mov dword [tss_a + T32_FLAGS], 2 + FLAG_CF
    mov dword [tss_a + T32_ESP], stack_user
    mov dword [tss_a + T32_CS], SEL_USER_CODE
    mov dword [tss_a + T32_ES], SEL_USER_DATA
    mov dword [tss_a + T32_SS], SEL_USER_DATA
    mov dword [tss_a + T32_DS], SEL_USER_DATA
    mov dword [tss_a + T32_FS], 0
    mov dword [tss_a + T32_GS], 3
    jmp SEL_A:0
.level3:
    mov edx, fs
    mov ebx, gs
    lea ecx, [esp]
    push eax
    to_ring0
    see_registers
    see_task
    done
first:
    see_registers
    see_task
    see_memory "link", tss_a, 1
    mov eax, 0xa1a1a1a1
    jmp SEL_TSS:0
second:
    see_task
    jmp SEL_TSS:0
    section .data
    align 4
indirect:
    dd 0
    dw SEL_GATE
    align 16
tss_a:
    ; all flags but VM, NT, IF, TF
    tss32 first, 0x3d3cd7, stack_user, SEL_CODE, SEL_DATA
    align 16
tss_b:
    tss32 second, 2, stack_user, SEL_CODE, SEL_DATA
