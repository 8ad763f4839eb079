; Pseudo-random values of 1, 2 and 4 bytes at pseudo-random addresses within a
; MiB: a trace that hardly compresses. The same in every run.
;
;     scatter [n=10000]

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"
%include "options.inc"

    section .data
    align 4
options_table:
    option "n", opt_n
    option_end
    section .data
opt_n:
    dd 10000

    section .bss
    alignb 4096
    global area
area:
    resb 1 << 20
    resb 4096

; x ^= x << 13, x >> 17, x << 5 (Marsaglia 2003), in eax; clobbers edx.
%macro xorshift 0
    mov edx, eax
    shl edx, 13
    xor eax, edx
    mov edx, eax
    shr edx, 17
    xor eax, edx
    mov edx, eax
    shl edx, 5
    xor eax, edx
%endmacro

    section .text
    bits 32
    global start, trace_from, trace_to
start:
    cli
    cld
    mov ebp, eax
    mov edi, ebx
    serial_init
    mov eax, ebp
    mov ebx, edi
    parse_options
    print "BOOT", 10, "START", 10
trace_from:
    mov eax, 2463534242
    mov ecx, [opt_n]
    jecxz trace_to
.next:
    xorshift
    mov edi, eax
    and edi, (1 << 20) - 1
    add edi, area
    xorshift
    mov [edi], eax
    xorshift
    mov [edi + 0x20], ax
    mov [edi + 0x11], ah
    loop .next
trace_to:
    print "STOP", 10
    guest_end
