; REP OUTSB to the console from a page that is not present, with 32-bit paging: the
; page fault shows where and why, its handler maps the page, and the instruction
; goes on where it was interrupted.
;
;     from t
;     fault at 0x00801000 error 0 left 15
;     he absent page

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"

PAGE equ 4096
PTE_P equ 1
PTE_W equ 2
PDE_PS equ 0x80
CR0_PG equ 0x80000000
CR4_PSE equ 0x10
VECTOR_PF equ 14
GATE_INTERRUPT_32 equ 0x8e00

WINDOW equ 0x800000 ; linear; its first page is mapped, the second is not until it faults

    section .bss
    alignb PAGE
directory:
    resd 1024
table:
    resd 1024
source: ; two pages
    resb 2 * PAGE
idt:
    resd 2 * (VECTOR_PF + 1)
    resb 4096
stack_top:
left:
    resd 1
error:
    resd 1

    section .data
    align 4
idt_pointer:
    dw 8 * (VECTOR_PF + 1) - 1
    dd idt
gdt_pointer:
    dw gdt_end - gdt - 1
    dd gdt
    align 8
gdt:
    dq 0
    dq 0x00cf9b000000ffff
    dq 0x00cf93000000ffff
gdt_end:

BEFORE equ 6 ; bytes of the text that lie in the page that is there
text:
    db "from the absent page", 10
text_bytes equ $ - text

    section .text
    bits 32
    global start, outs_done
start:
    cli
    cld
    mov esp, stack_top
    serial_init
    print "BOOT", 10, "START", 10
    lgdt [gdt_pointer]
    jmp 0x08:.segments
.segments:
    mov eax, 0x10
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov esi, text
    mov edi, source + PAGE - BEFORE
    mov ecx, text_bytes
    rep movsb
    call set_up_paging
    mov eax, page_fault
    mov word [idt + 8 * VECTOR_PF], ax
    mov word [idt + 8 * VECTOR_PF + 2], 0x08
    mov word [idt + 8 * VECTOR_PF + 4], GATE_INTERRUPT_32
    shr eax, 16
    mov word [idt + 8 * VECTOR_PF + 6], ax
    lidt [idt_pointer]
    mov esi, WINDOW + PAGE - BEFORE
    mov ecx, text_bytes
    mov dx, COM1
    rep outsb
    cmp esi, WINDOW + PAGE - BEFORE + text_bytes
    jne outs_wrong
    print "STOP", 10
    serial_drain
outs_done:
    guest_end
outs_wrong:
    print "guest: error: ESI is not behind the text", 10
    guest_end

; 32 MiB as they are, in 4-MiB pages, but for the window's.
set_up_paging:
    mov edi, directory
    mov eax, PTE_P | PTE_W | PDE_PS
    mov ecx, 8
.entry:
    stosd
    add eax, 1 << 22
    loop .entry
    mov dword [directory + 4 * (WINDOW >> 22)], table + PTE_P + PTE_W
    mov dword [table], source + PTE_P
    mov eax, cr4
    or eax, CR4_PSE
    mov cr4, eax
    mov eax, directory
    mov cr3, eax
    mov eax, cr0
    or eax, CR0_PG
    mov cr0, eax
    jmp .flush
.flush:
    ret

page_fault:
    pop dword [error]
    pusha
    mov [left], ecx
    print 10, "fault at 0x"
    mov ecx, cr2
    put_hex
    print " error "
    mov ecx, [error]
    put_dec
    print " left "
    mov ecx, [left]
    put_dec
    print 10
    mov dword [table + 4], source + PAGE + PTE_P
    mov eax, WINDOW + PAGE
    invlpg [eax]
    popa
    iret
