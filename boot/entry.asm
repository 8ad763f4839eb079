; From the boot loader's 32-bit protected mode (EAX magic, EBX information) to
; C in long mode, with the image still where it was loaded. The page tables
; made here last until hv/paging.c replaces them.

PAGE_PRESENT    equ 1 << 0
PAGE_WRITABLE   equ 1 << 1
PAGE_LARGE      equ 1 << 7
DIRECT_MAP_SLOT equ 32 ; of the PML4: DIRECT_MAP in hv/memory.h
TABLE           equ PAGE_PRESENT | PAGE_WRITABLE

CR0_PG          equ 1 << 31
CR0_WP          equ 1 << 16
CR0_NE          equ 1 << 5
CR0_MP          equ 1 << 1
CR0_EM          equ 1 << 2
CR4_PAE         equ 1 << 5
MSR_EFER        equ 0xC0000080
EFER_LME        equ 1 << 8
EFER_NXE        equ 1 << 11

COM1            equ 0x3F8

global boot_entry
extern boot_stack_top
extern main

section .boot.text progbits alloc exec nowrite
bits 32

boot_entry:
    cli
    cld
    mov esp, boot_early_stack_top
    mov edi, eax                ; magic and information: main's two arguments
    mov esi, ebx

    ; EFLAGS.ID can be changed only where CPUID exists (SDM Vol. 1, 20.1.2).
    pushfd
    pop eax
    mov ecx, eax
    xor eax, 1 << 21
    push eax
    popfd
    pushfd
    pop eax
    cmp eax, ecx
    je no_long_mode
    mov eax, 0x80000000
    cpuid
    cmp eax, 0x80000001
    jb no_long_mode
    mov eax, 0x80000001
    cpuid
    bt edx, 29                  ; long mode
    jnc no_long_mode
    bt edx, 20                  ; execute-disable, which the direct map uses
    jnc no_long_mode

    ; 4 GiB of 2 MiB pages, seen at 0, at DIRECT_MAP and (the first GiB) at IMAGE_BASE.
    mov ecx, 0
    mov eax, TABLE | PAGE_LARGE
.fill:
    mov [boot_pd + ecx * 8], eax
    mov dword [boot_pd + ecx * 8 + 4], 0
    add eax, 0x200000
    inc ecx
    cmp ecx, 4 * 512
    jb .fill

    mov eax, boot_pd + TABLE
    mov [boot_pdpt], eax
    add eax, 4096
    mov [boot_pdpt + 8], eax
    add eax, 4096
    mov [boot_pdpt + 16], eax
    add eax, 4096
    mov [boot_pdpt + 24], eax
    mov dword [boot_pdpt_image + 510 * 8], boot_pd + TABLE
    mov dword [boot_pml4], boot_pdpt + TABLE
    mov dword [boot_pml4 + DIRECT_MAP_SLOT * 8], boot_pdpt + TABLE
    mov dword [boot_pml4 + 511 * 8], boot_pdpt_image + TABLE

    mov eax, cr4
    or eax, CR4_PAE
    mov cr4, eax
    mov eax, boot_pml4
    mov cr3, eax
    mov ecx, MSR_EFER
    rdmsr
    or eax, EFER_LME | EFER_NXE
    wrmsr
    mov eax, cr0
    and eax, ~CR0_EM
    or eax, CR0_PG | CR0_WP | CR0_NE | CR0_MP
    mov cr0, eax
    lgdt [boot_gdtr]
    jmp 0x08:long_mode

no_long_mode:
    mov esi, .text
    mov ebx, 0xB8000
.next:
    lodsb
    test al, al
    jz .halt
    mov [ebx], al
    mov byte [ebx + 1], 0x07
    add ebx, 2
    mov ah, al
    mov dx, COM1 + 5
    mov ecx, 0x10000
.wait:
    in al, dx
    test al, 0x20
    jnz .send
    dec ecx
    jnz .wait
.send:
    mov dx, COM1
    mov al, ah
    out dx, al
    jmp .next
.halt:
    hlt
    jmp .halt
.text: db "engram: error: this CPU has no 64-bit long mode with execute-disable; Engram needs it", 13, 10, 0

bits 64
long_mode:
    mov eax, 0x10
    mov ds, eax
    mov es, eax
    mov ss, eax
    xor eax, eax
    mov fs, eax
    mov gs, eax
    mov edi, edi                ; the upper halves are undefined after the mode switch
    mov esi, esi
    mov rsp, boot_stack_top
    xor ebp, ebp
    mov rax, main
    call rax
.halt:
    cli
    hlt
    jmp .halt

section .boot.data progbits alloc noexec write align=16
align 8
boot_gdt:
    dq 0
    dq 0x00AF9B000000FFFF       ; 64-bit code
    dq 0x00CF93000000FFFF       ; data
boot_gdtr:
    dw boot_gdtr - boot_gdt - 1
    dd boot_gdt
    times 256 db 0
boot_early_stack_top:

section .boot.tables nobits alloc noexec write align=4096
boot_pml4:       resb 4096
boot_pdpt:       resb 4096
boot_pdpt_image: resb 4096
boot_pd:         resb 4 * 4096
