; Instructions that write in unusual ways, in 32-bit mode without paging: masked
; stores, bit offsets, x87 state, descriptor registers, ENTER, PUSHA,
; overlapping strings, segment pushes.
;
; Memory holds zeros where the masked stores write ones, so that every byte they
; write changes. Region for the oracle: trace_from to trace_to.

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"
%include "protected.inc"

    section .bss
    alignb 4096
    resb 4096
stack_top:
data:
    resb 8192

    section .data
    align 16
mask:
    dq 0x8000800080008000, 0x80

    section .text
    bits 32
    global start, trace_from, trace_to
start:
    cli
    cld
    load_flat_segments
    mov esp, stack_top
    serial_init
    mov eax, cr4
    or eax, 0x600 ; OSFXSR, OSXMMEXCPT
    mov cr4, eax
    mov eax, cr0
    and eax, ~4 ; EM
    or eax, 2   ; MP
    mov cr0, eax
    print "BOOT", 10, "START", 10

trace_from:
    movdqa xmm1, [mask]
    pcmpeqd xmm0, xmm0
    mov edi, data
    maskmovdqu xmm0, xmm1
    movq mm1, [mask]
    pcmpeqd mm0, mm0
    mov edi, data + 16
    maskmovq mm0, mm1
    emms
    mov dword [data], 7

    mov esi, data
    bts dword [esi], 100
    mov eax, -100
    btc [esi + 64], eax
    mov eax, 5
    mov ebx, 6
    cmpxchg [esi], ebx
    cmpxchg8b [esi]
    lock cmpxchg8b [esi + 8]
    fninit
    fld1
    fstp tword [data + 32]
    fnstenv [data + 64]
    fnsave [data + 128]
    sgdt [data + 300]
    str [data + 310]
    smsw [data + 320]
    sldt [data + 330]
    enter 16, 3
    leave
    pusha
    push dword [data]
    pop dword [esp + 4]
    add esp, 28
    mov ecx, 5
    mov esi, data
    lea edi, [data + 4094]
    rep movsd
    std
    lea edi, [data + 4098]
    mov ecx, 3
    rep stosw
    cld
    xchg [data + 4095], eax
    push ds
    push word 5
    o16 push ds
    add esp, 8
    movntdq [data + 1024], xmm0
    movhps [data + 1040], xmm0
    stmxcsr [data + 1060]
    xadd [data + 1064], eax
    setz [data + 1070]
    shld [data + 1072], eax, 3
    not dword [data + 1076]
    movbe [data + 1080], eax
trace_to:
    print "STOP", 10
    guest_end
