; Descriptor tables, page tables and stacks of the behaviours. They are built once;
; before every behaviour what the one before has changed is put back, and nothing
; else is written, so that this adds little to a trace.
%define FRAME_ITSELF
%include "behaviour.inc"

    global gdt, gdt_pointer, idt, idt_pointer, tss, ldt, real_idt
    global page_directory, window_table, pae_pdpt, pae_directory, pae_window_directory, pae_window_table, pml4, pdpt
    global window_frames, stack, stack_user, stack_tss, stack_ist
    global tables_build, tables_reset, idt64_pointer, frame_set_gate32, frame_set_gate64
    extern vector_stubs32, vector_stubs64, vector_to_ring0_32, vector_to_ring0_64, low_image, low_start, low_bytes

VECTORS equ 0x60
STUB_BYTES equ 16
TSS_BYTES equ TSS_IO_MAP + 0x80 + 1
PTE_ALL equ PTE_P + PTE_W + PTE_U
PTE_ALL_AD equ PTE_ALL + PTE_A + PTE_D

    section .rodata
    align 8
gdt_template:
    dq 0
    dq 0x00cf9b000000ffff ; SEL_CODE
    dq 0x00cf93000000ffff ; SEL_DATA
    dq 0x00af9b000000ffff ; SEL_CODE64
    dq 0x00cf93000000ffff ; SEL_DATA64
    dq 0x00cffb000000ffff ; SEL_USER_CODE
    dq 0x00cff3000000ffff ; SEL_USER_DATA
    dq 0x00affb000000ffff ; SEL_USER_CODE64
    dq 0x00009b000000ffff ; SEL_CODE16
    dq 0x000093000000ffff ; SEL_DATA16
    dq 0x0000fb000000ffff ; SEL_USER_CODE16
    dq 0x0000f3000000ffff ; SEL_USER_DATA16
    dq 0x0000890000000000 + TSS_BYTES - 1, 0
    dq 0x0000820000000000 + 63, 0 ; LDT
    times 10 dq 0
GDT_BYTES equ $ - gdt_template
gdt_pointer:
    dw GDT_BYTES - 1
    dd gdt, 0
idt_pointer:
    dw VECTORS * 8 - 1
    dd idt, 0
idt64_pointer:
    dw VECTORS * 16 - 1
    dd idt64, 0

    section .bss
    alignb 4096
state:
gdt:
    resb GDT_BYTES
    alignb 16
tss:
    resb TSS_BYTES
    alignb 16
ldt:
    resq 8
    alignb 4096
idt:
    resb 2048
idt64:
    resb 2048
page_directory:
    resb 4096
window_table:
    resb 4096
pml4:
    resb 4096
pdpt:
    resb 4096
pae_pdpt:
    resb 4096
pae_directory:
    resb 4096
pae_window_directory:
    resb 4096
pae_window_table: ; and that of the aliases
    resb 2 * 4096
window_frames:
    resb WINDOW_PAGES * PAGE
state_end:
pristine:
    resb state_end - state
    resb 4096
stack:
    resb 4096
stack_user:
    resb 4096
stack_tss:
    resb 4096
stack_ist:

    section .low progbits alloc exec write align=16
real_idt:
    times 0x400 db 0

; ---- building; 32 bits, flat, no paging; clobbers all ----

    section .text
    bits 32
tables_build:
    mov esi, gdt_template
    mov edi, gdt
    mov ecx, GDT_BYTES / 4
    rep movsd
    mov eax, tss
    mov edx, gdt + SEL_TSS
    call set_base
    mov eax, ldt
    mov edx, gdt + SEL_LDT
    call set_base
    mov eax, -1
    mov edi, tss + TSS_IO_MAP
    mov ecx, TSS_BYTES - TSS_IO_MAP
    rep stosb
    mov dword [tss + 4], stack_tss
    mov dword [tss + 8], SEL_DATA
    mov dword [tss + 36], stack_ist ; IST1 of a 64-bit TSS, nothing that counts in a 32-bit one
    mov word [tss + 102], TSS_IO_MAP
    call build_idt
    call build_idt64
    call build_tables32
    call build_tables64
    mov esi, state
    mov edi, pristine
    mov ecx, (state_end - state) / 4
    rep movsd
    ret

; Before every behaviour: tables and memory are as they were built, GDT and TR loaded.
tables_reset:
    cld
    mov esi, pristine
    mov edi, state
    mov ecx, (state_end - state) / 4
    call restore
    mov esi, low_image
    mov edi, low_start
    mov ecx, low_bytes
    shr ecx, 2
    call restore
    lgdt [gdt_pointer]
    mov eax, SEL_TSS
    ltr ax
    ret

; Writes ECX words from ESI to EDI where they differ.
restore:
    jecxz .done
    repe cmpsd
    je .done
    mov eax, [esi - 4]
    mov [edi - 4], eax
    jmp restore
.done:
    ret

; The base EAX into the descriptor at EDX.
set_base:
    mov [edx + 2], ax
    shr eax, 16
    mov [edx + 4], al
    mov [edx + 7], ah
    ret

build_idt:
    mov edi, idt
    xor ecx, ecx
.next:
    mov eax, ecx
    imul eax, STUB_BYTES
    add eax, vector_stubs32
    mov edx, INTERRUPT_GATE
    cmp ecx, VECTOR_RING0
    jne .plain
    mov eax, vector_to_ring0_32
    or edx, FOR_LEVEL3
.plain:
    call fill_gate32
    add edi, 8
    inc ecx
    cmp ecx, VECTORS
    jne .next
    ret

build_idt64:
    mov edi, idt64
    xor ecx, ecx
.next:
    mov eax, ecx
    imul eax, STUB_BYTES
    add eax, vector_stubs64
    mov edx, INTERRUPT_GATE
    cmp ecx, VECTOR_RING0
    jne .plain
    mov eax, vector_to_ring0_64
    or edx, FOR_LEVEL3
.plain:
    call fill_gate64
    add edi, 16
    inc ecx
    cmp ecx, VECTORS
    jne .next
    ret

; EDI: entry, EAX: handler, EDX: type. Clobbers eax.
fill_gate32:
    mov [edi], ax
    mov word [edi + 2], SEL_CODE
    mov [edi + 4], dx
    shr eax, 16
    mov [edi + 6], ax
    ret
fill_gate64:
    mov [edi], ax
    mov word [edi + 2], SEL_CODE64
    mov [edi + 4], dx
    shr eax, 16
    mov [edi + 6], ax
    ret

; 32-bit paging: 64 MiB 1:1 and the windows, which are in one 4-MiB region.
build_tables32:
    mov edi, page_directory
    mov eax, PTE_ALL_AD + PTE_PS
    mov ecx, 16
.identity:
    stosd
    add eax, 0x400000
    loop .identity
    mov dword [page_directory + (WINDOW >> 22) * 4], window_table + PTE_ALL
%assign page 0
%rep WINDOW_PAGES
    mov dword [PTE32(WINDOW + page * PAGE)], FRAME(page) + PTE_ALL
    mov dword [PTE32(ALIASES + page * PAGE)], FRAME(page) + PTE_ALL
%assign page page + 1
%endrep
    ret

; PAE and IA-32e mode: 1 GiB 1:1.
build_tables64:
    mov edi, pae_directory
    mov eax, PTE_ALL_AD + PTE_PS
    mov ecx, 512
.identity:
    mov [edi], eax
    add edi, 8
    add eax, 0x200000
    loop .identity
    mov dword [pml4], pdpt + PTE_ALL + PTE_A
    mov dword [pdpt], pae_directory + PTE_ALL + PTE_A
    mov dword [pdpt + 8], pae_window_directory + PTE_ALL
    mov dword [pae_pdpt], pae_directory + PTE_P
    mov dword [pae_pdpt + 8], pae_window_directory + PTE_P
    mov dword [pae_window_directory], pae_window_table + PTE_ALL
    mov dword [pae_window_directory + 8], pae_window_table + PAGE + PTE_ALL
%assign page 0
%rep WINDOW_PAGES
    mov dword [PTE64(WINDOW + page * PAGE)], FRAME(page) + PTE_ALL
    mov dword [PTE64(ALIASES + page * PAGE)], FRAME(page) + PTE_ALL
%assign page page + 1
%endrep
    ret

; ---- gate ----

; On the stack: type, handler, vector.
frame_set_gate32:
    pushfd
    push edi
    push edx
    push eax
    mov edi, [esp + 28]
    lea edi, [idt + edi * 8]
    mov eax, [esp + 24]
    mov edx, [esp + 20]
    call fill_gate32
    pop eax
    pop edx
    pop edi
    popfd
    ret 12

    bits 64
frame_set_gate64:
    pushfq
    push rdi
    push rdx
    push rax
    mov edi, [rsp + 56]
    shl edi, 4
    add edi, idt64
    mov eax, [rsp + 48]
    mov edx, [rsp + 40]
    call fill_gate64_long
    pop rax
    pop rdx
    pop rdi
    popfq
    ret 24

; What fill_gate64 is, in 64-bit code.
fill_gate64_long:
    mov [rdi], ax
    mov word [rdi + 2], SEL_CODE64
    mov [rdi + 4], dx
    shr eax, 16
    mov [rdi + 6], ax
    mov dword [rdi + 8], 0
    mov dword [rdi + 12], 0
    ret
