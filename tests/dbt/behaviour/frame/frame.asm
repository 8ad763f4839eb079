; Runs the behaviours, one after the other, and prints what they have seen.
;
;     behaviours [first=0] [count=1000]
;
; Each is a region: from region_begin to region_end, at both of which `marker` is
; written, with its number and with ~0.
%define FRAME_ITSELF
%include "behaviour.inc"
%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"
%include "options.inc"

    global start, region_begin, region_end, marker, all_done
    global frame_done, frame_absent, frame_leave_long, frame_leave_real, mode_return, real_return
    global frame_abandon64, frame_abandon_real
    extern tables_build, tables_reset, idt64_pointer, log_begin, log_name, log_print, log_take_real, real_stubs, real_idt
    extern idt_pointer, gdt, gdt_pointer, tss, page_directory, pae_pdpt, pml4, stack, resume, real_resume
    extern behaviours_start, behaviours_end

BEHAVIOUR_BYTES equ 12 ; dd name, mode, start

    section .data
    align 4
options_table:
    option "first", first
    option "count", count
    option_end
    section .data
first:
    dd 0
count:
    dd 1000
index:
    dd 0
last: ; behind it
    dd 0
mode_return:
    dd 0
marker:
    dd 0

    section .bss
    alignb 16
    resb 4096
frame_stack:

    section .text
    bits 32
start:
    cli
    cld
    mov ebp, eax
    mov edi, ebx
    serial_init
    mov eax, ebp
    mov ebx, edi
    parse_options
    print "BOOT", 10
    mov al, 0xff
    out 0x21, al
    out 0xa1, al
    mov eax, behaviours_end
    sub eax, behaviours_start
    xor edx, edx
    mov ecx, BEHAVIOUR_BYTES
    div ecx
    push eax
    call tables_build
    pop eax
    mov ecx, [first]
    mov [index], ecx
    add ecx, [count]
    cmp ecx, eax
    jbe .last
    mov ecx, eax
.last:
    mov [last], ecx

next:
    mov esp, frame_stack
    mov eax, [index]
    cmp eax, [last]
    jae over
    imul ebx, eax, BEHAVIOUR_BYTES
    add ebx, behaviours_start
    call log_begin
    mov eax, [ebx]
    call log_name
    push ebx
    call reset
    pop ebx
    mov ecx, [ebx + 4]
    mov edx, [ebx + 8]
    mov ebx, [index]
region_begin:
    mov [marker], ebx
    jmp [enter + ecx * 4]

    section .rodata
    align 4
enter:
    dd enter_protected, enter_paged, enter_pae, enter_long, enter_real
    section .text

; What behaviours change: control registers, MSRs, tables, interrupt controllers.
reset:
    mov eax, CR0_PE | CR0_WP | 1 << 1 | 1 << 4 | 1 << 5 ; MP, ET, NE
    mov cr0, eax
    mov eax, CR4_OSFXSR + CR4_OSXMMEXCPT
    mov cr4, eax
    fninit
    mov al, 0xff
    out 0x21, al
    out 0xa1, al
    mov eax, 0xffff0ff0
    mov dr6, eax
    mov eax, 0x400
    mov dr7, eax
    mov ecx, MSR_EFER
    xor eax, eax
    xor edx, edx
    wrmsr
    mov dword [resume], 0
    call tables_reset
    jmp 0x08:.segments
.segments:
    mov eax, SEL_DATA
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov fs, eax
    mov gs, eax
    xor eax, eax
    lldt ax
    lidt [idt_pointer]
    ret

%macro clear_registers 1 ; all but eax, where it goes on
    mov esp, stack
    push dword 2
    popfd
    mov eax, %1
    mov ebx, 0
    mov ecx, 0
    mov edx, 0
    mov ebp, 0
    mov esi, 0
    mov edi, 0
%endmacro

; EDX: the behaviour's code.
enter_protected:
    clear_registers edx
    jmp start_behaviour
enter_paged:
    mov eax, page_directory
    mov cr3, eax
    mov eax, cr4
    or eax, CR4_PSE
    mov cr4, eax
    jmp paging_on
enter_pae:
    mov eax, pae_pdpt
    mov cr3, eax
    mov eax, cr4
    or eax, CR4_PAE
    mov cr4, eax
paging_on:
    mov eax, cr0
    or eax, CR0_PG
    mov cr0, eax
    clear_registers edx
start_behaviour:
    push eax
    mov eax, 0
    ret

enter_long:
    push edx
    mov dword [tss + 8], 0 ; RSP0's upper half
    lidt [idt64_pointer]
    mov eax, pml4
    mov cr3, eax
    mov eax, cr4
    or eax, CR4_PAE
    mov cr4, eax
    mov ecx, MSR_EFER
    rdmsr
    or eax, EFER_LME
    wrmsr
    mov eax, cr0
    or eax, CR0_PG
    mov cr0, eax
    pop edx
    clear_registers edx
    jmp SEL_CODE64:.long
    bits 64
.long:
    mov ebx, 0 ; of the upper halves nothing is known
    mov ecx, 0
    mov edx, 0
    mov ebp, 0
    mov esi, 0
    mov edi, 0
    mov esp, stack
%assign n 8
%rep 8
    mov r%+n%+d, 0
%assign n n + 1
%endrep
    push rax
    mov eax, 0
    ret

    bits 32
enter_real:
    mov esi, real_stubs
    mov edi, real_idt
    mov ecx, 0x60
.vector:
    mov [edi], esi
    add edi, 4
    add esi, 8
    loop .vector
    mov eax, SEL_DATA16
    jmp SEL_CODE16:real_enter

    section .low progbits alloc exec write align=16
    bits 16
real_enter:
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov fs, eax
    mov gs, eax
    mov eax, cr0
    and eax, ~CR0_PE
    mov cr0, eax
    jmp 0:.real
.real:
    xor eax, eax
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov fs, eax
    mov gs, eax
    mov esp, REAL_STACK
    o32 lidt [real_idt_pointer_low]
    push word 2
    popf
    push dx
    mov ebx, 0
    mov ecx, 0
    mov edx, 0
    mov ebp, 0
    mov esi, 0
    mov edi, 0
    ret
real_idt_pointer_low:
    dw 0x3ff
    dd real_idt
gdt_pointer_low:
    dw 0xcf
    dd gdt
real_return:
    dd 0

; ---- the way back ----

; From real mode: to [real_return] in 32-bit protected mode.
frame_leave_real:
    cli
    o32 lgdt [cs:gdt_pointer_low]
    mov eax, cr0
    or eax, CR0_PE
    mov cr0, eax
    jmp dword SEL_CODE:from_real
frame_abandon_real:
    mov dword [cs:real_return], frame_done
    jmp frame_leave_real

    section .text
    bits 32
from_real:
    mov eax, SEL_DATA
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov fs, eax
    mov gs, eax
    mov esp, stack
    lidt [idt_pointer]
    call log_take_real
    jmp [real_return]

    bits 64
frame_abandon64:
    mov dword [mode_return], frame_done
; From 64-bit mode at level 0: to [mode_return] in 32-bit protected mode.
frame_leave_long:
    cli
    mov eax, SEL_DATA
    mov ss, eax
    mov esp, stack
    lgdt [gdt_pointer]
    lidt [idt_pointer]
    push SEL_CODE
    push .compatibility
    o64 retf
    bits 32
.compatibility:
    mov eax, SEL_DATA
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov fs, eax
    mov gs, eax
    mov eax, cr0
    and eax, ~CR0_PG
    mov cr0, eax
    push ecx
    push edx
    mov ecx, MSR_EFER
    xor eax, eax
    xor edx, edx
    wrmsr
    pop edx
    pop ecx
    jmp [mode_return]

; From 32-bit protected mode, with paging or without.
frame_absent:
    mov eax, absent_text
    call log_name
frame_done:
    cli
    cld
    mov eax, SEL_DATA
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov esp, frame_stack
region_end:
    mov dword [marker], -1
    mov eax, cr0
    and eax, ~CR0_PG
    mov cr0, eax
    inc dword [index]
    jmp next

    section .rodata
absent_text:
    db "absent on this machine", 0
    section .text

over:
    mov eax, [first]
    mov [index], eax
.next:
    mov ebp, [index]
    cmp ebp, [last]
    jae .all
    call log_print
    inc dword [index]
    jmp .next
.all:
    print 10, "END", 10
    serial_drain
all_done:
    guest_end
