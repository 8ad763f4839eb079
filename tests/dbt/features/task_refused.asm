; What keeps a task switch from being made: descriptors, privilege, limits of both TSSs, IRET's link. Nothing changes
; then but what is in memory (SDM Vol. 3A, table 7-1).
%include "behaviour.inc"
%include "task.inc"
%macro refused 1+
    catch_anew %%after
    %1
%%after:
    see_task
%endmacro
%macro refused_at_level3 1+
    catch_anew %%after
    to_ring3
    %1
%%after:
    see_task
%endmacro
; IRET with this link.
%macro refused_return 1
    mov word [tss], %1
    catch_anew %%after
    push dword FLAG_NT + 2
    popfd
    iretd
%%after:
    see_task
%endmacro
    behaviour PROTECTED
    task_descriptor SEL_A, tss_a, T32_BYTES - 1, TSS_32
    task_gate SEL_GATE, SEL_A
    ; The TSS's descriptor: type, present, DPL and RPL, table.
    refused jmp SEL_TSS:0 ; busy
    refused call SEL_TSS:0
    refused jmp SEL_A + 4:0
    refused call SEL_OTHER:0
    refused call SEL_LDT:0
    and byte [gdt + SEL_A + 5], 0x7f
    refused jmp SEL_A:0
    refused jmp SEL_GATE:0
    refused_at_level3 call SEL_A:0
    or byte [gdt + SEL_A + 5], 0x80
    refused jmp SEL_A + 1:0
    refused_at_level3 jmp SEL_A:0
    or byte [gdt + SEL_A + 5], 0x40
    refused_at_level3 call SEL_A:0
    refused jmp SEL_A + 3:0
    ; In the LDT.
    mov eax, SEL_LDT
    lldt ax
    mov eax, [gdt + SEL_A]
    mov [ldt], eax
    mov eax, [gdt + SEL_A + 4]
    mov [ldt + 4], eax
    refused jmp 4:0
    ; A gate: present, DPL, what it names.
    refused_at_level3 jmp SEL_GATE:0
    refused jmp SEL_GATE + 1:0
    task_gate SEL_GATE, SEL_A
    and byte [gdt + SEL_GATE + 5], 0x7f
    refused jmp SEL_GATE:0
    task_gate SEL_GATE, SEL_A + 4
    refused jmp SEL_GATE:0
    task_gate SEL_GATE, 0
    refused call SEL_GATE:0
    task_gate SEL_GATE, 0xff8
    refused call SEL_GATE:0
    task_gate SEL_GATE, SEL_TSS
    refused call SEL_GATE:0
    task_gate SEL_GATE, SEL_CODE
    refused call SEL_GATE:0
    task_gate SEL_GATE, SEL_GATE
    refused call SEL_GATE:0
    ; A task gate may lie in the LDT.
    task_gate SEL_GATE, SEL_A
    mov eax, [gdt + SEL_GATE]
    mov [ldt + 8], eax
    mov eax, [gdt + SEL_GATE + 4]
    mov [ldt + 12], eax
    call 8 + 4:0
    see_task
    ; Limits.
    task_descriptor SEL_A, tss_a, T32_BYTES - 2, TSS_32
    refused jmp SEL_A:0
    task_descriptor SEL_A, tss_a, T16_BYTES - 2, TSS_16
    refused call SEL_A:0
    task_descriptor SEL_A, tss_a, T32_BYTES - 1, TSS_32
    task_descriptor SEL_B, tss_b, T32_LDT - 2, TSS_32 ; of the old one to GS, of the new one all
    mov eax, SEL_B
    ltr ax
    refused jmp SEL_A:0
    task_descriptor SEL_B, tss_b, T32_LDT - 1, TSS_32
    mov eax, SEL_B
    ltr ax
    refused call SEL_A:0 ; its IRET is
    task_descriptor SEL_A, tss_a, T32_BYTES - 1, TSS_32
    task_descriptor SEL_OTHER, tss_b, T16_LDT - 2, TSS_16
    mov eax, SEL_OTHER
    ltr ax
    refused call SEL_A:0
    and byte [gdt + SEL_TSS + 5], 0xfd
    mov eax, SEL_TSS
    ltr ax
    ; IRET: the link has to name a TSS that is busy.
    task_descriptor SEL_B, tss_b, T32_BYTES - 1, TSS_32
    refused_return SEL_B
    refused_return 0
    refused_return 0xff8
    refused_return SEL_DATA
    refused_return SEL_LDT
    refused_return SEL_B + 4
    or byte [gdt + SEL_B + 5], 2
    and byte [gdt + SEL_B + 5], 0x7f
    refused_return SEL_B
    task_descriptor SEL_B, tss_b, T32_BYTES - 2, TSS_32 | TSS_BUSY
    refused_return SEL_B
    ; Its RPL does not count, nor does the DPL.
    task_descriptor SEL_B, tss_b, T32_BYTES - 1, TSS_32 | TSS_BUSY
    mov word [tss], SEL_B + 3
    mov dword [tss_b + T32_EIP], second
    push dword FLAG_NT + 2
    popfd
    iretd
second:
    see_task
    ; To itself: it is busy, but for IRET.
    mov word [tss_b], SEL_B
    mov dword [tss_b + T32_EIP], .itself
    push dword FLAG_NT + 2
    popfd
    iretd
.itself:
    see_task
    see_memory "tss b", tss_b, T32_BYTES / 4
    done
first:
    see_task
    iretd
    jmp first
    section .data
    align 16
tss_a:
    tss32 first, 2, stack_user, SEL_CODE, SEL_DATA
    align 16
tss_b:
    tss32 second, 2, stack_user, SEL_CODE, SEL_DATA
