; LDT and SS of a new task, at level 0 and at level 3.
%include "behaviour.inc"
%include "task_load.inc"
    load_task
    wrong_all_ways T32_LDT, SEL_DATA
    wrong T32_LDT, SEL_LDT + 4
    wrong T32_LDT, 0xff8
    wrong T32_LDT, SEL_A
    wrong T32_LDT, SEL_ABSENT_LDT
    wrong T32_LDT, SEL_LDT + 3
    wrong T32_LDT, 3
    wrong_all_ways T32_SS, SEL_DATA + 3
    wrong T32_SS, 0
    wrong T32_SS, 0xff8
    wrong T32_SS, SEL_USER_DATA
    wrong T32_SS, SEL_USER_DATA - 3
    wrong T32_SS, SEL_ABSENT
    wrong T32_SS, SEL_READ_ONLY
    wrong T32_SS, SEL_CODE
    wrong T32_SS, SEL_TSS
    wrong T32_SS, 4 ; in an LDT that is not there
    ; Level 3: faults are on the stack that the TSS has for level 0.
    mov dword [tss_a + T32_CS], SEL_USER_CODE
    mov dword [tss_a + T32_SS], SEL_USER_DATA
    mov dword [tss_a + T32_ES], SEL_USER_DATA
    mov dword [tss_a + T32_DS], SEL_USER_DATA
    mov dword [tss_a + T32_FS], 0
    mov dword [tss_a + T32_GS], 0
    mov dword [tss_a + T32_FLAGS], FLAG_IOPL + 2
    wrong T32_LDT, SEL_DATA
    wrong T32_SS, SEL_DATA
    wrong T32_SS, SEL_USER_DATA - 3
    wrong T32_ESP, 0
    load_done
