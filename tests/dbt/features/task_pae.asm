; Task switches with PAE paging: a new CR3 brings new PDPTEs, the same one does not. What wrong ones bring is not said.
%include "behaviour.inc"
%include "task.inc"
    behaviour PAE
    mov esi, pae_pdpt
    mov edi, directory_pointers
    mov ecx, 8
    rep movsd
    mov dword [directory_pointers + 8], 0 ; no window there
    mov dword [tss_a + T32_CR3], directory_pointers
    task_descriptor SEL_A, tss_a, T32_BYTES - 1, TSS_32
    mov dword [WINDOW], 0x11111111
    mov dword [tss + T32_CR3], pae_pdpt
    call SEL_A:0
    see_task
    see "window", [WINDOW]
    ; The same CR3: PDPTEs stay as they are.
    mov dword [pae_pdpt + 8], 0
    mov dword [tss_a + T32_CR3], pae_pdpt
    mov dword [tss_a + T32_EIP], same
    call SEL_A:0
    see "window", [WINDOW]
    done
first:
    see_task
    catch .absent
    mov eax, [WINDOW]
.absent:
    push dword FLAG_NT + 2
    popfd
    iretd
    jmp first
same:
    see "window", [WINDOW]
    iretd
    section .bss
    alignb 32
directory_pointers:
    resb 32
    section .data
    align 16
tss_a:
    tss32 first, 2, stack_user, SEL_CODE, SEL_DATA
