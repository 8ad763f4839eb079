; A timer interrupt as soon as the one before is done, during writes that are
; all counted.
;
;     storm [writes=2000] [count=30] [storm=1] [trap=0] [halt=0]
;
; The handler starts the timer once more as its last act but one: `count` timer
; ticks of 0.84 µs later it is interrupted again. The fewer, the denser the
; storm; it must be long enough for an IRET. Under Engram, where a traced write
; takes far longer than that, an interrupt is waiting at every write.
;
; The main program makes `writes` turns of
;     mov [main_data], turn number (from 1)
;     add [main_data + 4], turn number
;     every 16th turn: a REP STOSD of 8 at main_data + 64
; and nothing else; the handler writes its frame, a push and its counter, all
; between handler_from and handler_to. With trap=1 the main program single-steps
; itself (TF): the handler of #DB writes its frame and counts there as well. With
; halt=1 it waits for an interrupt (HLT) in every second turn.
; Prints BOOT, START, STOP, then the totals: "turns N sum N ticks N traps N".

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"
%include "options.inc"
%include "timer.inc"
%include "protected.inc"

    section .data
    align 4
options_table:
    option "writes", opt_writes
    option "count", opt_count
    option "storm", opt_storm
    option "trap", opt_trap
    option "halt", opt_halt
    option_end

    section .data
    align 8
opt_writes:
    dd 2000
opt_count:
    dd 30
opt_storm:
    dd 1
opt_trap:
    dd 0
opt_halt:
    dd 0

    section .bss
    alignb 4096
    global main_data, handler_from, handler_to, ticks, ticks_end, traps
main_data:
    resb 4096
handler_from:
    resb 4096
handler_stack_top:
ticks:
    resd 1
ticks_end:
traps:
    resd 1
    resb 4096 - 8
handler_to:

    section .text
    bits 32
    global start, trace_from, trace_to, plain_write, rmw_write, string_write

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
    load_flat_segments
    protected_gate 1, on_trap
    protected_gate VECTOR_TIMER, on_timer
    lidt [idt_pointer]
    ; The main program uses no stack: this one is the handler's.
    mov esp, handler_stack_top
    cmp dword [opt_storm], 0
    je .calm
    pic_init
    pit_one_shot_init
    pit_start opt_count
.calm:
    print "START", 10
    xor ebx, ebx
    mov ebp, [opt_writes]
    cmp dword [opt_storm], 0
    je .no_interrupts
    sti
.no_interrupts:
    cmp dword [opt_trap], 0
    je trace_from
    pushfd
    or dword [esp], EFLAGS_TF
    popfd
trace_from:
    test ebp, ebp
    jz trace_to
turn:
    inc ebx
    mov eax, ebx
    and eax, [opt_halt]
    jz plain_write
    hlt
plain_write:
    mov [main_data], ebx
rmw_write:
    add [main_data + 4], ebx
    test bl, 15
    jnz next
    mov edi, main_data + 64
    mov eax, ebx
    mov ecx, 8
string_write:
    rep stosd
next:
    cmp ebx, ebp
    jne turn
trace_to:
    cli
    cmp dword [opt_trap], 0
    je .not_trapped
    pushfd
    and dword [esp], ~EFLAGS_TF
    popfd
.not_trapped:
    mov ebp, ebx
    print "STOP", 10, "turns "
    mov ecx, ebp
    put_dec
    print " sum "
    mov ecx, [main_data + 4]
    put_dec
    print " ticks "
    mov ecx, [ticks]
    put_dec
    print " traps "
    mov ecx, [traps]
    put_dec
    print 10
    guest_end

on_trap:
    inc dword [traps]
    iretd

on_timer:
    push eax
    inc dword [ticks]
    mov al, PIC_EOI
    out PIC1, al
    pit_start opt_count
    pop eax
    iretd
