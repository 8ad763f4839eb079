; A kernel with a double fetch, planted: system calls that take a message, a
; length and as many bytes, from the user's memory.
;
;     fetch [turns=10]
;
; Each turn user code writes its message and makes three system calls:
;
;     RAX 0   right: the length is fetched once, checked, and used
;     RAX 1   wrong: the length is fetched and checked, and fetched again to be used
;     RAX 2   the same, and in between the message changes, as another processor
;             could have changed it: here the kernel does it, by another mapping
;
; The fetches are at once_length, once_bytes, twice_check, twice_use,
; raced_check and raced_use; bytes are fetched at twice_bytes and raced_bytes.
; Prints BOOT, START, STOP.

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"
%include "options.inc"
%include "long.inc"

USER_CODE equ USER_WINDOW ; the user code's text stands in here
MESSAGE equ USER_WINDOW + 4 * 4096
USER_STACK equ USER_WINDOW + 10 * 4096 ; top
LENGTH_MAX equ 64

    section .data
    align 4
options_table:
    option "turns", opt_turns
    option_end
    align 8
opt_turns:
    dd 10

    section .bss
    alignb 16
saved_user_rsp:
    resq 1
saved_rsp:
    resq 1
buffer: ; the kernel's copy of a message
    resb LENGTH_MAX
    alignb 4096
    resb 4096
tss_ist1:
    resb 4096
stack_top: ; ring 0

    section .text
    bits 32
    global start, once_length, once_bytes, twice_check, twice_use, twice_bytes, raced_check, raced_use, raced_bytes

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
    interrupt_gate 0x81, on_user_done, 0, 3

    ; The user's code: copied to where the first page of the user window lies.
    mov esi, user_text
    mov edi, [user_pt]
    and edi, ~0xfff
    mov ecx, user_text_end - user_text
    rep movsb

    enter_long_mode
    load_event_tables
    mov esp, stack_top
    enable_syscall on_syscall
    print "START", 10

    mov r12d, [opt_turns]
turn:
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
    dec r12d
    jnz turn
    print "STOP", 10
    guest_end

on_user_done: ; the frame is left behind
    mov rsp, [saved_rsp]
    jmp back_from_user

; RDI: the message. RCX and R11 are the return's.
on_syscall:
    mov [saved_user_rsp], rsp
    mov esp, tss_rsp0
    push rcx
    push r11
    mov rsi, rdi
    mov edi, buffer
    cmp eax, 1
    je twice_check
    ja raced_check

    mov ecx, 0
once_length:
    mov ecx, [rsi]
    cmp ecx, LENGTH_MAX
    ja done
    add rsi, 4
once_bytes:
    rep movsb
    jmp done

twice_check:
    cmp dword [rsi], LENGTH_MAX
    ja done
twice_use:
    mov ecx, [rsi]
    add rsi, 4
twice_bytes:
    rep movsb
    jmp done

raced_check:
    cmp dword [rsi], LENGTH_MAX
    ja done
    mov rdx, [user_pt + 4 * 8]
    and rdx, ~0xfff
    mov dword [rdx], 7 ; the message's length, by the identity mapping
raced_use:
    mov ecx, [rsi]
    add rsi, 4
raced_bytes:
    rep movsb

done:
    pop r11
    pop rcx
    mov rsp, [saved_user_rsp]
    o64 sysret

; Runs in ring 3 at USER_CODE.
user_text:
    mov rdi, MESSAGE
    mov rax, 0x6f6d656d2c796568
    mov [rdi + 4], rax
    mov [rdi + 12], rax
    mov ebx, 0
.call:
    mov dword [rdi], 16
    mov eax, ebx
    mov rdi, MESSAGE
    syscall
    mov rdi, MESSAGE
    inc ebx
    cmp ebx, 3
    jne .call
    int 0x81
user_text_end:
