; Accesses that begin in RAM and end in Engram's memory, just above it: a store, an
; x87 and a vector store, a load, and an exception's frame. Each begins in RAM, so
; that the CPU meets the locked page first. After each write it prints what it reads
; where the memory is hidden (under Engram all ones: what was written there is
; gone):
;
;     top 0x… after … … … …

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"
%include "protected.inc"
%include "hidden.inc"

    section .data
    align 16
pattern:
    db 0x10, 0x21, 0x32, 0x43, 0x54, 0x65, 0x76, 0x87, 0x98, 0xa9, 0xba, 0xcb, 0xdc, 0xed, 0xfe, 0x0f

    section .bss
    alignb 4096
    resb 4096
stack_top:
after: ; the first hidden doubleword, after each write
    resd 4

    section .text
    bits 32
    global start, trace_from, trace_to
start:
    cli
    cld
    mov ebp, ebx
    serial_init
    mov eax, cr4
    or eax, 0x600 ; OSFXSR, OSXMMEXCPT
    mov cr4, eax
    mov eax, cr0
    and eax, ~4 ; EM
    or eax, 2   ; MP
    mov cr0, eax
    print "BOOT", 10
    mov ebx, ebp
    find_top
    load_flat_segments
    protected_gate 3, on_breakpoint
    lidt [idt_pointer]
    mov ebp, [top]
    fninit
    fld1
    movdqu xmm0, [pattern]
    print "START", 10
trace_from:
    mov dword [ebp - 2], 0x11223344
    mov ecx, [ebp]
    fstp tword [ebp - 6]
    mov edx, [ebp]
    movdqu [ebp - 9], xmm0
    mov esi, [ebp]
    mov edi, [ebp - 3]
    ; EFLAGS into hidden memory, CS and EIP into RAM.
    lea esp, [ebp + 4]
    int3
on_breakpoint:
    mov edi, [ebp]
trace_to:
    mov [after], ecx
    mov [after + 4], edx
    mov [after + 8], esi
    mov [after + 12], edi
    print "STOP", 10, "top 0x"
    mov ecx, ebp
    put_hex
    print " after"
%assign i 0
%rep 4
    print " "
    mov ecx, [after + i]
    put_hex
%assign i i + 4
%endrep
    print 10
    guest_end
