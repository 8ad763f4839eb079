; The thesis's benchmark (section 5.1): a loop whose share of writing
; instructions is exactly t / (5 + 5u).
;
;     benchmark [t=48] [u=100] [n=1000] [warmup=0x7ffffff]
;
; Prints BOOT, idles for `warmup` turns, prints START, runs, prints STOP, ends.
; `n` outer turns of t inner turns that write and r = u - t that read. Between
; the last character of START and the first of STOP the only memory writes are
; these n·t: 4 bytes each at `target`, the values 1, 2, 3, … n·t in order, by
; the instruction at `write_instruction`. Interrupts are off throughout.
;
; Instructions per outer turn:
;
;     outer   mov ecx, esp     1      the inner counter, u: down to r, then r down to 0
;             jmp ebx          1      to the write loop, or past it if t = 0
;     write   5 per turn       5t     leaves when the counter has come down to r
;             jmp esi          1      to the read loop, or past it if r = 0
;     read    5 per turn       5r     leaves when the counter has come down to 0
;             dec ebp          1
;             jnz outer        1
;                              5 + 5t + 5r = 5 + 5u
;
; One counter serves both loops, so no second set-up is needed, and the two
; indirect jumps, whose targets are fixed before START, let a loop run zero
; times without any further instruction: the sum holds for every 0 <= t <= u.

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"
%include "options.inc"

    section .data
    align 4
options_table:
    option "t", opt_t
    option "u", opt_u
    option "n", opt_n
    option "warmup", opt_warmup
    option_end

    section .data
    align 4
opt_t:
    dd 48
opt_u:
    dd 100
opt_n:
    dd 1000
opt_warmup:
    dd 0x7ffffff

; Alone on its page, so that tracing finds nothing else there.
    section .bss
    alignb 4096
    global target
target:
    resb 4096

    section .text
    bits 32
    global start, trace_from, trace_to, outer, write_instruction, read_instruction

start:
    cli
    cld
    mov ebp, eax
    mov edi, ebx
    serial_init
    mov eax, ebp
    mov ebx, edi
    parse_options
    mov eax, [opt_t]
    cmp eax, [opt_u]
    ja t_above_u

    print "BOOT", 10
    mov ecx, [opt_warmup]
    jecxz .warm
.warming:
    dec ecx
    jnz .warming
.warm:
    print "START", 10

trace_from:
    mov edi, target
    mov eax, [edi]
    mov ebp, [opt_n]
    test ebp, ebp
    jz finished
    mov esp, [opt_u] ; no stack is needed any more, and u in a register keeps the outer loop free of reads
    mov edx, esp
    sub edx, [opt_t] ; r
    mov ebx, write_loop
    cmp dword [opt_t], 0
    jne .has_writes
    mov ebx, after_writes
.has_writes:
    mov esi, read_loop
    test edx, edx
    jnz outer
    mov esi, after_reads
    jmp outer

    align 16
outer:
    mov ecx, esp
    jmp ebx

    align 16
write_loop:
    inc eax
write_instruction:
    mov [edi], eax
    dec ecx
    cmp ecx, edx
    jne write_loop
after_writes:
    jmp esi

    align 16
read_loop:
read_instruction:
    mov eax, [edi]
    nop
    dec ecx
    cmp ecx, 0
    jne read_loop
after_reads:
    dec ebp
    jnz outer
finished:
trace_to:
    print "STOP", 10
    guest_end

t_above_u:
    print "guest: error: t is larger than u: give t from 0 to u", 10
    guest_end
