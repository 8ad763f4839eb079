; Descriptor tables, page tables and stacks of the behaviours, and how each of them
; gets them anew.
%define FRAME_ITSELF
%include "behaviour.inc"

    global gdt, gdt_pointer, idt, idt_pointer, tss, ldt, real_idt_pointer, real_idt
    global page_directory, window_table, pae_pdpt, pae_directory, pae_window_directory, pae_window_table, pml4, pdpt
    global window_frames, stack, stack_user, stack_tss, stack_ist
    global tables_reset, idt_reset64, frame_set_gate32, frame_set_gate64
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
    dw VECTORS * 16 - 1
    dd idt, 0
real_idt_pointer:
    dw 0x3ff
    dd real_idt

    section .bss
    alignb 4096
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
    resb 4096
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

; ---- before every behaviour; 32 bits, flat, no paging; clobbers all ----

    section .text
    bits 32
tables_reset:
    cld
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
    lgdt [gdt_pointer]

    xor eax, eax
    mov edi, ldt
    mov ecx, 8 * 2
    rep stosd
    mov edi, tss
    mov ecx, TSS_IO_MAP / 4
    rep stosd
    mov eax, -1
    mov ecx, TSS_BYTES - TSS_IO_MAP
    rep stosb
    mov dword [tss + 4], stack_tss
    mov dword [tss + 8], SEL_DATA
    mov word [tss + 102], TSS_IO_MAP
    mov eax, SEL_TSS
    ltr ax

    mov esi, low_image
    mov edi, low_start
    mov ecx, low_bytes
    rep movsb
    call idt_reset32
    xor eax, eax
    mov edi, window_frames
    mov ecx, WINDOW_PAGES * PAGE / 4
    rep stosd
    mov edi, page_directory ; to the last table
    mov ecx, (window_frames - page_directory) / 4
    rep stosd
    call build_tables32
    jmp build_tables64

; The base EAX into the descriptor at EDX.
set_base:
    mov [edx + 2], ax
    shr eax, 16
    mov [edx + 4], al
    mov [edx + 7], ah
    ret

idt_reset32:
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

; The same for IA-32e mode; the frame calls it where the mode is chosen.
idt_reset64:
    mov edi, idt
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
    mov dword [tss + 4], stack_tss
    mov dword [tss + 8], 0
    mov dword [tss + 36], stack_ist ; IST1
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
    mov dword [edi + 8], 0
    mov dword [edi + 12], 0
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
    add edi, idt
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
