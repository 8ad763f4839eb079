; Hypercalls, good and bad ones: prints what each returned in EAX, and which writes stand between which of them is in
; its source. It runs with start=hypercall; elsewhere the first VMCALL is #UD and ends it.

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"

%define MAGIC 0x4d524745

    section .bss
    alignb 4096
    global data
data:
    resb 4096

    section .rodata
text:
    db "from the guest"
text_end:

%macro call_engram 1-3 0, 0 ; ECX, EDX, ESI; prints EAX
    mov eax, MAGIC
    mov ecx, %1
    mov edx, %2
    mov esi, %3
    vmcall
    mov ecx, eax
    put_dec
    print " "
%endmacro

%macro note 1 ; a write of that value
    mov dword [data], %1
%endmacro

    section .text
    bits 32
    global start
start:
    cli
    cld
    serial_init
    print "BOOT", 10
    note 1
    call_engram 3, text_end - text, text ; nothing is recorded yet: 5
    call_engram 1
    note 2
    call_engram 3, text_end - text, text
    note 3
    call_engram 3, 1025, text            ; too long: 3
    call_engram 3, 0xffffffff, text      ; 3
    call_engram 77                       ; unknown: 1
    call_engram 0xffffffff
    call_engram 2
    note 4
    call_engram 1
    note 5
    call_engram 4, 0x1000                ; another process: what follows is not of it
    note 6
    call_engram 4, 0                     ; CR3 as it is
    note 7
    call_engram 4, 0x123                 ; no table: 3
    call_engram 5, 0
    note 8
    call_engram 6
    note 9
    mov eax, MAGIC
    xor ecx, ecx
    vmcall
    note ebx
    note ecx
    call_engram 2
    print 10, "DONE", 10
    guest_end
