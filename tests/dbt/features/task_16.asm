; 16-bit TSSs: from and to 32-bit ones and among themselves; upper halves of registers, FS and GS, the LDT (SDM
; Vol. 3A, 7.6).
%include "behaviour.inc"
%include "task.inc"
    behaviour PROTECTED
    task_descriptor SEL_A, tss_a, T16_BYTES - 1, TSS_16
    task_descriptor SEL_B, tss_b, T16_BYTES - 1, TSS_16
    mov eax, SEL_DATA
    mov fs, eax
    mov gs, eax
    mov eax, 0x11111111
    mov ecx, 0x22222222
    mov edx, 0x33333333
    mov ebx, 0x44444444
    mov ebp, 0x55555555
    mov esi, 0x66666666
    mov edi, 0x77777777
    call SEL_A:0
    see_registers
    see_task
    see_memory "tss", tss, T32_BYTES / 4
    see_memory "tss a", tss_a, T16_BYTES / 4
    see_memory "tss b", tss_b, T16_BYTES / 4
    see "fs", [kept]
    mov dword [tss_b + T16_IP], over16
    jmp SEL_B:0
task_16_over:
    see_task
    see_memory "tss b", tss_b, T16_BYTES / 4
    see_memory "tss", tss, T32_BYTES / 4
    done
    code 16
kept:
    dd 0
first16:
    mov [kept], fs
    mov [kept + 2], gs
    mov [0x8000], esp
    mov [0x8004], eax
    mov [0x8008], edi
    call SEL_B:0
    iret
second16:
    push eax
    mov eax, 0xdeadbeef
    mov esi, eax
    iret
over16:
    mov esp, 0x9000
    jmp dword SEL_CODE:.wide
    code 32
.wide:
    mov eax, SEL_DATA
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov esp, stack
    jmp task_16_over
    section .data
    align 16
tss_a:
    tss16 first16, 2 + FLAG_CF, 0xe000, SEL_CODE16, SEL_DATA16, SEL_DATA16
    align 16
tss_b:
    tss16 second16, 2, 0xd000, SEL_CODE16, SEL_DATA16, SEL_DATA16
