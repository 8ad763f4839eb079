; Runs sequences of instructions that its module holds, each at CPL 3 from a state of its own, until an exception
; ends it: random ones of the differential test (`dbt-differential export=FILE COUNT SEED`).
;
;     window, as in tests/dbt/pair.h: 0x100000 code, 0x102000 absent, 0x103000 data, 0x106000 tables,
;     0x107000 read-only, 0x108000 absent
;
; Prints BOOT, START, a line "number vector RIP hash" for each, the hash over the general registers, and STOP.
%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"
%include "long.inc"

WINDOW equ 0x100000
CODE_BYTES equ 0x2000
DATA equ 0x103000
DATA_BYTES equ 0x5000 ; to the end of the read-only page

RECORDS equ 0x2000000 ; where the module is copied to

; A record of the module; one of 0 bytes is the end.
RECORD_BYTES equ 0
RECORD_ENTRY equ 4  ; offset in the window
RECORD_START equ 8  ; likewise, of the code
RECORD_LENGTH equ 12
RECORD_FLAGS equ 16
RECORD_FS equ 24
RECORD_GS equ 32
RECORD_GPR equ 48   ; in the order of their encoding
RECORD_FX equ 176   ; as FXSAVE writes it
RECORD_MEMORY equ RECORD_FX + 512
RECORD_CODE equ RECORD_MEMORY + DATA_BYTES

IA32_FS_BASE equ 0xc0000100
IA32_GS_BASE equ 0xc0000101

    section .data
    align 4096
low_pt: ; the first 2 MiB
%assign i 0
%rep 512
    %if i >= 0x102 && i < 0x103 || i == 0x108
    dq 0
    %elif i == 0x107
    dd frames + (i - 0x100) * 4096 + PTE_P + PTE_U + PTE_AD, 0
    %elif i >= 0x100 && i < 0x108
    dd frames + (i - 0x100) * 4096 + PTE_P + PTE_W + PTE_U + PTE_AD, 0
    %else
    dq i * 4096 + PTE_P + PTE_W + PTE_AD
    %endif
%assign i i + 1
%endrep

    section .bss
tss_ist1:
    alignb 16
fx:
    resb 512
gpr:
    resq 16
record:
    resq 1
number:
    resd 1
has_avx:
    resd 1
    alignb 4096
    resb 4096
stack_top:

    section .text
    bits 32
    global start, trace_from, trace_to, serial_stopped
start:
    cli
    cld
    mov ebp, ebx
    serial_init
    print "BOOT", 10
    mov ecx, 0
    test dword [ebp + MBI_FLAGS], MBI_HAS_MODS
    jz .no_module
    mov ecx, [ebp + MBI_MODS_COUNT]
.no_module:
    cmp ecx, 0
    jne .module
    print "guest: error: no module with sequences", 10
    guest_end
.module: ; it may lie where the window will be
    mov eax, [ebp + MBI_MODS_ADDR]
    mov esi, [eax]
    mov ecx, [eax + 4]
    sub ecx, esi
    add ecx, 3
    shr ecx, 2
    mov edi, RECORDS
    rep movsd
    mov dword [record], RECORDS

    mov al, 0xff ; no interrupts
    out 0x21, al
    out 0xa1, al
%assign vector 0
%rep 32
    interrupt_gate vector, stub_ %+ vector, 0, 3
%assign vector vector + 1
%endrep
    mov dword [identity_pd], low_pt + PTE_P + PTE_W + PTE_U + PTE_AD
    or dword [pml4], PTE_U
    or dword [identity_pdpt], PTE_U
    enter_long_mode
    load_event_tables
    mov esp, stack_top
    call enable_vectors
    mov rax, cr0
    or eax, 1 << 16 | 1 << 5 ; WP, NE
    mov cr0, rax
    print "START", 10
trace_from:
next:
    mov ebp, [record]
    cmp dword [rbp + RECORD_BYTES], 0
    je trace_to

    ; The window.
    mov rax, cr0
    and eax, ~(1 << 16) ; the read-only page is written too
    mov cr0, rax
    mov edi, WINDOW
    mov ecx, CODE_BYTES / 8
    mov rax, 0xcccccccccccccccc
    rep stosq
    lea esi, [rbp + RECORD_MEMORY]
    mov edi, DATA
    mov ecx, DATA_BYTES / 8
    rep movsq
    lea esi, [rbp + RECORD_CODE]
    mov edi, [rbp + RECORD_START]
    add edi, WINDOW
    mov ecx, [rbp + RECORD_LENGTH]
    rep movsb
    mov rax, cr0
    or eax, 1 << 16
    mov cr0, rax

    ; The registers.
    mov ecx, IA32_FS_BASE
    mov eax, [rbp + RECORD_FS]
    mov edx, [rbp + RECORD_FS + 4]
    wrmsr
    mov ecx, IA32_GS_BASE
    mov eax, [rbp + RECORD_GS]
    mov edx, [rbp + RECORD_GS + 4]
    wrmsr
    lea esi, [rbp + RECORD_FX]
    mov edi, fx
    mov ecx, 512 / 8
    rep movsq
    cmp dword [has_avx], 0
    je .no_avx
    vzeroall
.no_avx:
    fxrstor64 [fx]
    push SEL_USER_DATA
    push qword [rbp + RECORD_GPR + 4 * 8]
    push qword [rbp + RECORD_FLAGS]
    push SEL_USER_CODE
    mov eax, [rbp + RECORD_ENTRY]
    add eax, WINDOW
    push rax
    mov rax, [rbp + RECORD_GPR]
    mov rcx, [rbp + RECORD_GPR + 8]
    mov rdx, [rbp + RECORD_GPR + 16]
    mov rbx, [rbp + RECORD_GPR + 24]
    mov rsi, [rbp + RECORD_GPR + 48]
    mov rdi, [rbp + RECORD_GPR + 56]
    mov r8, [rbp + RECORD_GPR + 64]
    mov r9, [rbp + RECORD_GPR + 72]
    mov r10, [rbp + RECORD_GPR + 80]
    mov r11, [rbp + RECORD_GPR + 88]
    mov r12, [rbp + RECORD_GPR + 96]
    mov r13, [rbp + RECORD_GPR + 104]
    mov r14, [rbp + RECORD_GPR + 112]
    mov r15, [rbp + RECORD_GPR + 120]
    mov rbp, [rbp + RECORD_GPR + 40]
    iretq

%assign vector 0
%rep 32
stub_ %+ vector:
    %if vector != 8 && vector != 17 && vector != 21 && (vector < 10 || vector > 14)
    push 0
    %endif
    push vector
    jmp ended
%assign vector vector + 1
%endrep

; Vector, error code, RIP, CS, RFLAGS, RSP, SS
ended:
    cld
    mov [gpr], rax
    mov [gpr + 8], rcx
    mov [gpr + 16], rdx
    mov [gpr + 24], rbx
    mov rax, [rsp + 40]
    mov [gpr + 32], rax
    mov [gpr + 40], rbp
    mov [gpr + 48], rsi
    mov [gpr + 56], rdi
    mov [gpr + 64], r8
    mov [gpr + 72], r9
    mov [gpr + 80], r10
    mov [gpr + 88], r11
    mov [gpr + 96], r12
    mov [gpr + 104], r13
    mov [gpr + 112], r14
    mov [gpr + 120], r15
    pop r8 ; vector
    pop rax
    pop r9
    mov esp, stack_top
    xor r10, r10
    mov ecx, 16
    mov edx, gpr
.hash:
    rol r10, 9
    xor r10, [rdx]
    add edx, 8
    dec ecx
    jnz .hash
    mov ecx, [number]
    inc dword [number]
    put_dec
    print " "
    mov ecx, r8d
    put_dec
    print " "
    mov ecx, r9d
    put_hex
    print " "
    mov rcx, r10
    shr rcx, 32
    put_hex
    mov ecx, r10d
    put_hex
    print 10
    mov ebp, [record]
    mov eax, [rbp + RECORD_BYTES]
    add [record], eax
    jmp next

trace_to:
    print "STOP", 10
    serial_drain
serial_stopped:
    guest_end

; XSAVE with x87, SSE and AVX, as far as there are any; no more, so that engines that offer more or less run the
; same instructions.
enable_vectors:
    mov eax, 1
    cpuid
    bt ecx, 26
    jnc .done
    mov rax, cr4
    or eax, 1 << 18 ; OSXSAVE
    mov cr4, rax
    mov eax, 0xd
    xor ecx, ecx
    cpuid
    and eax, 7
    cmp eax, 7
    sete byte [has_avx]
    je .set
    mov eax, 3
.set:
    xor ecx, ecx
    xor edx, edx
    xsetbv
.done:
    ret
