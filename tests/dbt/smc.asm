; Code that writes code, three ways; each prints what ran: the new instruction must, at once.
;
;     same block      the next instruction of the block that writes
;     other block     a block that has run before, reached by an indirect jump
;     chained block   a block that has run before, reached by a direct jump that is chained to it
;     loop            the instruction at the loop's head, from its end, turn by turn
%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"
    section .text
    bits 32
    global start
start:
    cli
    cld
    mov esp, stack_top
    serial_init

    print "same block "
    mov dword [.same + 1], 0x22222222
.same:
    mov ecx, 0x11111111
    put_hex

    print 10, "other block "
    mov eax, other
    call eax
    mov dword [other + 1], 0x44444444
    mov eax, other
    call eax
    put_hex

    print 10, "chained block "
    mov ebp, 3
    xor edi, edi
.again:
    jmp chained
.back:
    add edi, ecx
    mov byte [chained + 1], 7 ; from the first turn on
    dec ebp
    jnz .again
    mov ecx, edi
    put_hex

    print 10, "loop "
    xor ecx, ecx
    mov ebp, 5
.loop:
    add ecx, 1
    inc byte [.loop + 2]
    dec ebp
    jnz .loop
    put_hex

    ; A block that writes behind itself within its page, and data beside code.
    print 10, "data beside code "
    mov ebp, 100
    xor ecx, ecx
.beside:
    inc dword [beside]
    add ecx, [beside]
    dec ebp
    jnz .beside
    put_hex

    print 10, "string "
    mov esi, replacement
    mov edi, target
    mov ecx, replacement_end - replacement
    call target
    mov eax, ecx
    mov ecx, replacement_end - replacement
    rep movsb
    call target
    put_hex
    print 10
    guest_end

    align 64
other:
    mov ecx, 0x33333333
    ret
    align 64
chained:
    mov ecx, 1
    jmp start.back
    align 64
beside:
    dd 0
target:
    nop
    nop
    nop
    nop
    nop
    ret
replacement:
    mov ecx, 0x55555555
    ret
replacement_end:

    section .bss
    alignb 16
    resb 512
stack_top:
