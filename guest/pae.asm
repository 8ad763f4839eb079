; PAE paging and what MOV to CR0 does with the four page-directory pointers that
; the CPU holds: they are loaded when PG, CD or NW changes, and reserved bits in
; them are #GP. NE changes along, because only then does Engram see the MOV.
;
; Prints "bad at start N, old N, new N, bad later N, same N": exceptions and what
; the window at 1 GiB shows. Then FINISHED.

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"
%include "protected.inc"

WINDOW equ 0x40000000
CR0_NE equ 1 << 5
CR0_NW equ 1 << 29
CR0_CD equ 1 << 30
CR0_PG equ 1 << 31
PDPTE_RESERVED equ 1 << 1

    section .bss
    alignb 4096
    resb 4096
stack_top:
    alignb 0x200000
two_pages: ; of 2 MiB
    resb 0x400000
    alignb 4096
identity:
    resb 4096
windows: ; directories that show the first and the second page at the window
    resb 2 * 4096
pdpt:
    resb 4096
results:
    resd 5

    section .text
    bits 32
    global start, finished

; MOV to CR0 with these bits toggled; EDI: 13 if that was #GP.
%macro toggle_cr0 1
    xor edi, edi
    mov ebp, %%after
    mov eax, cr0
    xor eax, %1
    mov cr0, eax
%%after:
%endmacro

start:
    cli
    cld
    serial_init
    load_flat_segments
    protected_gate 13, on_protection
    lidt [idt_pointer]
    mov esp, stack_top
    mov eax, cr0
    and eax, ~(CR0_CD | CR0_NW)
    mov cr0, eax
    print "BOOT", 10, "START", 10
    mov edi, identity
    mov eax, 0xe3 ; present, writable, accessed, dirty, 2 MiB
    mov ecx, 512
.fill:
    mov [edi], eax
    add eax, 0x200000
    add edi, 8
    loop .fill
    mov dword [windows], two_pages + 0xe3
    mov dword [windows + 4096], two_pages + 0x200000 + 0xe3
    mov dword [two_pages], 1
    mov dword [two_pages + 0x200000], 2
    mov dword [pdpt], identity + 1
    mov dword [pdpt + 8], windows + 1
    mov eax, pdpt
    mov cr3, eax
    mov eax, cr4
    or eax, 0x20 ; PAE
    mov cr4, eax

    or dword [pdpt + 24], PDPTE_RESERVED + 1
    toggle_cr0 CR0_PG | CR0_NE
    mov [results], edi
    mov dword [pdpt + 24], 0
    toggle_cr0 CR0_PG | CR0_NE
    invlpg [WINDOW] ; the pointers are not read anew by it
    mov eax, [WINDOW]
    mov [results + 4], eax

    mov dword [pdpt + 8], windows + 4096 + 1
    toggle_cr0 CR0_CD | CR0_NE
    invlpg [WINDOW] ; the pointers are not read anew by it
    mov eax, [WINDOW]
    mov [results + 8], eax

    mov dword [pdpt + 8], windows + 1 + PDPTE_RESERVED
    toggle_cr0 CR0_CD | CR0_NE
    mov [results + 12], edi
    invlpg [WINDOW] ; the pointers are not read anew by it
    mov eax, [WINDOW]
    mov [results + 16], eax
    print "bad at start "
    mov ecx, [results]
    put_dec
    print ", old "
    mov ecx, [results + 4]
    put_dec
    print ", new "
    mov ecx, [results + 8]
    put_dec
    print ", bad later "
    mov ecx, [results + 12]
    put_dec
    print ", same "
    mov ecx, [results + 16]
    put_dec
    print 10, "FINISHED", 10
finished:
    nop
    guest_end

on_protection:
    mov edi, 13
    mov esp, stack_top
    jmp ebp
