; Reads and writes in the hole that Engram's memory leaves in the memory map: just
; above the end of the RAM range that the guest itself lies in. Prints what it read before and after its write:
;
;     top 0x… before … after … byte …
;
; Under Engram reads give all ones and writes are dropped.

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"
%include "hidden.inc"

    section .bss
    alignb 16
values: ; before, after, byte
    resd 3

    section .text
    bits 32
    global start
start:
    cli
    cld
    mov ebp, ebx
    serial_init
    print "BOOT", 10
    mov ebx, ebp
    find_top
    mov ebp, [top]
    print "START", 10
    ; Some pages above the end: the first could still be reserved by the firmware.
    lea edi, [ebp + 0x10000]
    mov eax, [edi]
    mov [values], eax
    mov dword [edi], 0x600dcafe
    mov eax, [edi]
    mov [values + 4], eax
    movzx eax, byte [edi + 3]
    mov byte [edi + 3], 0x77
    mov [values + 8], eax
    print "STOP", 10, "top 0x"
    mov ecx, [top]
    put_hex
    print " before "
    mov ecx, [values]
    put_hex
    print " after "
    mov ecx, [values + 4]
    put_hex
    print " byte "
    mov ecx, [values + 8]
    put_hex
    print 10
    guest_end
