; A 64-bit guest with page tables of its own, ring-3 code, system calls, faults
; that it handles, and the timer running.
;
;     paging64 [turns=8] [count=1193] [timer=1]
;
; The timer comes `count` ticks of 0.84 µs after the last time it was handled.
; Each turn: stores of all sizes from ring 0, INT 0x30 and UD2 in ring 0, a page
; fault in ring 0 that maps the page; then in ring 3 stores, calls, SYSCALL, INT
; 0x80, UD2, and a page fault. What it does is the same in every run, but where
; the timer interrupts is not. So the timer's handler runs on a stack of its own
; (IST 1) and counts in a place of its own, and nothing else touches either:
;
;     handler_from … handler_to   its stack (frames) and counter
;     ticks                       its counter: 1, 2, 3, …
;
; Without these addresses the accesses between trace_from and trace_to are the
; same in every run, with Engram and without:
;     oracle.sh paging64.elf trace_from trace_to --handler handler_from-handler_to --counter ticks-ticks_end
;
; Prints BOOT, START, STOP, then the totals.

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"
%include "options.inc"
%include "long.inc"
%include "timer.inc"

; Pages of the windows.
USER_CODE equ USER_WINDOW                ; the user code's text stands in here
USER_DATA equ USER_WINDOW + 4 * 4096
USER_STACK equ USER_WINDOW + 10 * 4096   ; top
USER_HOLE equ USER_WINDOW + 20 * 4096    ; not present until it is touched
KERNEL_DATA equ KERNEL_WINDOW + 2 * 4096
KERNEL_HOLE equ KERNEL_WINDOW + 20 * 4096

    section .data
    align 4
options_table:
    option "turns", opt_turns
    option "count", opt_count
    option "timer", opt_timer
    option_end

    section .data
    align 16
opt_turns:
    dd 8
opt_count:
    dd 1193
opt_timer:
    dd 1
source:
    db "memory, hold fast what the hand has done"
    align 8
hole_entry: ; the page table entries that the page fault handler puts in
    dq 0
    dq 0

    section .bss
    alignb 4096
    global handler_from, handler_to, ticks, ticks_end
handler_from:
    resb 4096
tss_ist1: ; top of the timer handler's stack
ticks:
    resq 1
ticks_end:
    resb 4096 - 8
handler_to:

    alignb 16
counts: ; page faults, undefined opcodes, INT 0x30, INT 0x80, SYSCALL
    resq 5
count_pf equ counts
count_ud equ counts + 8
count_int30 equ counts + 16
count_int80 equ counts + 24
count_syscall equ counts + 32
saved_user_rsp:
    resq 1
saved_rsp:
    resq 1
    alignb 4096
    resb 4096
stack_top: ; ring 0

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
    print "BOOT", 10

    interrupt_gate 3, on_breakpoint, 0, 3
    interrupt_gate 6, on_undefined, 0, 0
    interrupt_gate 14, on_page_fault, 0, 0
    interrupt_gate VECTOR_TIMER, on_timer, 1, 0
    interrupt_gate VECTOR_TIMER + 7, on_spurious, 1, 0
    interrupt_gate 0x30, on_int30, 0, 0
    interrupt_gate 0x80, on_int80, 0, 3
    interrupt_gate 0x81, on_user_done, 0, 3

    ; The user's code: copied to where the first page of the user window lies.
    mov esi, user_text
    mov edi, [user_pt]
    and edi, ~0xfff
    mov ecx, user_text_end - user_text
    rep movsb

    ; The holes: their entries are kept aside and taken out.
    mov eax, [user_pt + 20 * 8]
    mov [hole_entry], eax
    mov eax, [kernel_pt + 20 * 8]
    mov [hole_entry + 8], eax
    mov dword [user_pt + 20 * 8], 0
    mov dword [kernel_pt + 20 * 8], 0

    enter_long_mode
    load_event_tables
    mov esp, stack_top
    enable_syscall on_syscall

    cmp dword [opt_timer], 0
    je .no_timer
    pic_init
    pit_one_shot_init
    pit_start opt_count
.no_timer:
    print "START", 10
    cmp dword [opt_timer], 0
    je trace_from
    sti

trace_from:
    mov r12d, [opt_turns]
turn:
    ; Ring 0: stores of all sizes, at addresses that move.
    mov rdi, KERNEL_DATA
    mov rax, 0x0123456789abcdef
    mov ecx, 40
.stores:
    mov [rdi], al
    mov [rdi + 9], ax
    mov [rdi + 0x101], eax
    mov [rdi + 0x203], rax
    add [rdi + 0x203], rax
    xor dword [rdi + 0x101], 0x55aa55aa
    lock xadd [rdi + 0x303], rax
    push rax
    call leaf
    pop rdx
    movq xmm0, rax
    movdqu [rdi + 0x401], xmm0
    add rdi, 17
    rol rax, 5
    dec ecx
    jnz .stores

    mov rdi, KERNEL_DATA + 0x800
    mov ecx, 37
    rep stosb
    mov esi, source
    mov ecx, 5
    rep movsq
    int 0x30
    ud2
    int3
    mov rax, KERNEL_HOLE + 0x123
    mov [rax], rdi ; page fault, then the store
    mov qword [kernel_pt + 20 * 8], 0
    mov rax, KERNEL_HOLE
    invlpg [rax]

    ; Ring 3, until it says INT 0x81.
    mov [saved_rsp], rsp
    mov rax, USER_STACK
    push SEL_USER_DATA
    push rax
    pushfq
    push SEL_USER_CODE
    mov rax, USER_CODE
    push rax
    iretq
back_from_user:
    mov rax, USER_HOLE
    mov qword [user_pt + 20 * 8], 0
    invlpg [rax]
    dec r12d
    jnz turn
trace_to:
    cli
    print "STOP", 10
    print "page faults "
    mov ecx, [count_pf]
    put_dec
    print ", undefined opcodes "
    mov ecx, [count_ud]
    put_dec
    print ", int 0x30 "
    mov ecx, [count_int30]
    put_dec
    print ", int 0x80 "
    mov ecx, [count_int80]
    put_dec
    print ", syscalls "
    mov ecx, [count_syscall]
    put_dec
    print ", ticks "
    mov ecx, [ticks]
    put_dec
    print 10
    guest_end

leaf:
    lea rax, [rax + rcx * 2 + 1]
    ret

on_timer:
    push rax
    inc qword [ticks]
    mov al, PIC_EOI
    out PIC1, al
    pit_start opt_count
    pop rax
    iretq

on_spurious:
    iretq

on_int30:
    inc qword [count_int30]
    iretq

on_breakpoint:
    iretq

on_undefined: ; step over UD2
    inc qword [count_ud]
    add qword [rsp], 2
    iretq

on_page_fault: ; put the entry of the hole in
    push rax
    push rdx
    inc qword [count_pf]
    mov rax, cr2
    bt rax, 63
    jc .kernel
    mov rdx, [hole_entry]
    mov [user_pt + 20 * 8], rdx
    jmp .mapped
.kernel:
    mov rdx, [hole_entry + 8]
    mov [kernel_pt + 20 * 8], rdx
.mapped:
    invlpg [rax]
    pop rdx
    pop rax
    add rsp, 8 ; error code
    iretq

on_int80:
    push rbx
    inc qword [count_int80]
    lea rax, [rax + rax * 4 + 1]
    pop rbx
    iretq

on_user_done: ; the frame is left behind
    mov rsp, [saved_rsp]
    test dword [opt_timer], 1
    jz back_from_user
    sti
    jmp back_from_user

on_syscall:
    mov [saved_user_rsp], rsp
    mov esp, tss_rsp0
    push rcx
    push r11
    inc qword [count_syscall]
    add rax, 3
    pop r11
    pop rcx
    mov rsp, [saved_user_rsp]
    o64 sysret

; Runs in ring 3 at USER_CODE: no address of its own but relative ones.
user_text:
    mov r8, USER_DATA
    mov rax, 0xfedcba9876543210
    mov r9d, 25
.stores:
    mov [r8], rax
    mov [r8 + 0x205], eax
    mov [r8 + 0x40b], ax
    mov [r8 + 0x511], al
    sub [r8 + 0x205], rax
    not byte [r8 + 0x511]
    push rax
    call .leaf
    pop rdx
    add r8, 13
    dec r9d
    jnz .stores
    mov rdi, USER_DATA + 2 * 4096 - 20
    mov ecx, 9
    rep stosd ; over the border of two pages
    syscall
    mov [r8], rax
    int 0x80
    mov [r8 + 8], rax
    ud2
    int3
    mov rbx, USER_HOLE
    mov [rbx + 0x456], eax ; page fault, then the store
    add [rbx + 0x456], eax
    syscall
    push rax
    int 0x81
.leaf:
    ror rax, 3
    ret
user_text_end:
