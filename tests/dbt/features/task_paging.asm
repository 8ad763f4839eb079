; Task switches with paging: another CR3, accessed and dirty bits of both TSSs' pages, TSSs that cross pages, that are not
; there or cannot be written (SDM Vol. 3A, 7.3).
%include "behaviour.inc"
%include "task.inc"
TSS_C equ WINDOW + PAGE - 0x30     ; crosses at EBX
TSS_D equ WINDOW + 4 * PAGE - 0x30 ; crosses at EBX
%macro refused 1+
    catch_anew %%after
    %1
%%after:
    see_task
%endmacro
    behaviour PAGED
    mov dword [tss + T32_CR3], page_directory
    ; Another address space, where window and aliases have changed places in the table.
    mov esi, page_directory
    mov edi, directory
    mov ecx, 1024
    rep movsd
    mov esi, window_table
    mov edi, table + 0x800
    mov ecx, 0x200
    rep movsd
    mov esi, window_table + 0x800
    mov edi, table
    mov ecx, 0x200
    rep movsd
    mov dword [PTE32(ALIASES + PAGE)], FRAME(6) + PTE_P + PTE_W + PTE_U
    mov dword [table + 4], FRAME(6) + PTE_P + PTE_W + PTE_U
    mov dword [directory + (WINDOW >> 22) * 4], table + PTE_P + PTE_W + PTE_U
    mov dword [WINDOW + PAGE], 0x11111111
    mov dword [ALIASES + PAGE], 0x66666666
    task_descriptor SEL_A, tss_a, T32_BYTES - 1, TSS_32
    call SEL_A:0
    see_task
    see "window", [WINDOW + PAGE]
    ; A TSS in the window: its pages become accessed and dirty. That of a task that is left is dirty already: whether
    ; that, which may fault, or the busy bit comes first is not said.
    mov esi, tss_b
    mov edi, TSS_C
    mov ecx, T32_BYTES / 4
    rep movsd
    call clean
    call SEL_B:0
    see_task
    see_memory "ptes", window_table, 8
    call clean
    jmp SEL_B:0
    see_task
    see_memory "ptes", window_table, 8
    see_memory "tss b", TSS_C, T32_BYTES / 4
    ; The first page read-only: the link cannot be written. Where only the second is, it can.
    call clean
    mov dword [window_table], FRAME(0) + PTE_P + PTE_U
    call flush
    refused call SEL_B:0
    see_memory "ptes", window_table, 2
    call clean
    mov dword [window_table + 4], FRAME(1) + PTE_P + PTE_U
    call flush
    mov dword [TSS_C + T32_EIP], third
    call SEL_B:0
    see_task
    ; Not there, first and second page.
    call clean
    mov dword [window_table + 4], 0
    call flush
    refused call SEL_B:0
    refused jmp SEL_B:0
    call clean
    mov dword [window_table], 0
    call flush
    refused call SEL_B:0
    refused jmp SEL_B:0
    see_memory "ptes", window_table, 2
    ; The old task's TSS: where it would be written.
    call clean
    mov esi, TSS_C
    mov edi, TSS_D
    mov ecx, T32_BYTES / 4
    rep movsd
    task_descriptor SEL_OTHER, TSS_D, T32_BYTES - 1, TSS_32
    mov eax, SEL_OTHER
    ltr ax
    call clean
    mov dword [window_table + 12], FRAME(3) + PTE_P + PTE_U
    call flush
    refused call SEL_B:0
    call clean
    mov dword [window_table + 16], FRAME(4) + PTE_P + PTE_U
    call flush
    refused call SEL_B:0
    call clean
    mov dword [window_table + 12], 0
    call flush
    refused call SEL_B:0
    call clean
    mov dword [window_table + 16], 0
    call flush
    refused call SEL_B:0
    call clean
    mov dword [TSS_D + T32_CR3], page_directory
    call flush
    call SEL_B:0
    see_task
    see_memory "ptes", window_table, 8
    mov dword [TSS_C + T32_EIP], .jumped
    jmp SEL_B:0
.jumped:
    see_task
    done
flush:
    mov eax, cr3
    mov cr3, eax
    ret
; Pages 0, 1, 3, 4 are there, neither accessed nor dirty, and task B begins anew.
clean:
    mov dword [window_table], FRAME(0) + PTE_P + PTE_U + PTE_W
    mov dword [window_table + 4], FRAME(1) + PTE_P + PTE_U + PTE_W
    mov dword [window_table + 12], FRAME(3) + PTE_P + PTE_U + PTE_W
    mov dword [window_table + 16], FRAME(4) + PTE_P + PTE_U + PTE_W
    call flush
    task_descriptor SEL_B, TSS_C, T32_BYTES - 1, TSS_32
    mov dword [TSS_C + T32_EIP], second
    and dword [window_table], ~(PTE_A + PTE_D)
    and dword [window_table + 4], ~(PTE_A + PTE_D)
    and dword [window_table + 12], ~(PTE_A + PTE_D)
    and dword [window_table + 16], ~(PTE_A + PTE_D)
    jmp flush
first:
    see_task
    mov eax, cr3
    cmp eax, directory
    sete al
    movzx eax, al
    see "own cr3", eax
    see "window", [WINDOW + PAGE]
    see "aliases", [ALIASES + PAGE]
    mov dword [WINDOW + PAGE], 0xaaaaaaaa
    iretd
second:
    see_task
    or dword [TSS_C], 0
    or dword [TSS_C + T32_LDT], 0
    pushfd
    test dword [esp], FLAG_NT
    lea esp, [esp + 4]
    jnz .nested
    jmp SEL_TSS:0
.nested:
    iretd
    jmp second
third: ; makes its TSS one that can be written
    mov dword [window_table + 4], FRAME(1) + PTE_P + PTE_U + PTE_W
    invlpg [WINDOW + PAGE]
    jmp second
    section .bss
    alignb 4096
directory:
    resb 4096
table:
    resb 4096
    section .data
    align 16
tss_a:
    dd 0, stack_tss, SEL_DATA, 0, 0, 0, 0, directory
    dd first, 2, 0xa0, 0xc1, 0xd2, 0xb3, stack_user, 0xb5, 0x56, 0xd7
    dd SEL_DATA, SEL_CODE, SEL_DATA, SEL_DATA, SEL_DATA, SEL_DATA, 0, T32_BYTES << 16
    align 16
tss_b:
    tss32 second, 2, stack_user, SEL_CODE, SEL_DATA
