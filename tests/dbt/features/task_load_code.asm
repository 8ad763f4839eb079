; Data segments and CS of a new task, at level 0 and at level 3.
%include "behaviour.inc"
%include "task_load.inc"
    load_task
    wrong_all_ways T32_DS, SEL_DATA + 3
    wrong T32_DS, 0xff8
    wrong T32_DS, SEL_ABSENT
    wrong T32_DS, SEL_UNREADABLE
    wrong T32_ES, SEL_TSS
    wrong T32_FS, SEL_ABSENT
    wrong T32_GS, SEL_UNREADABLE
    wrong T32_GS, SEL_CONFORMING3
    wrong T32_FS, 12
    wrong_all_ways T32_CS, SEL_ABSENT_CODE
    wrong T32_CS, 0
    wrong T32_CS, 0xff8
    wrong T32_CS, SEL_DATA
    wrong T32_CS, SEL_USER_CODE - 3
    wrong T32_CS, SEL_CONFORMING3
    wrong T32_CS, SEL_CONFORMING0
    wrong_all_ways T32_CS, SEL_CODE16 ; EIP behind the limit
    mov dword [tss_a + T32_CS], SEL_USER_CODE
    mov dword [tss_a + T32_SS], SEL_USER_DATA
    mov dword [tss_a + T32_ES], SEL_USER_DATA
    mov dword [tss_a + T32_DS], SEL_USER_DATA
    mov dword [tss_a + T32_FS], 0
    mov dword [tss_a + T32_GS], 0
    mov dword [tss_a + T32_FLAGS], FLAG_IOPL + 2
    wrong T32_DS, SEL_USER_DATA - 3
    wrong T32_DS, SEL_DATA + 3
    wrong T32_FS, SEL_DATA
    wrong T32_GS, SEL_CONFORMING0 + 3
    wrong T32_CS, SEL_ABSENT_CODE + 3
    wrong T32_CS, SEL_CONFORMING0 + 3
    load_done
