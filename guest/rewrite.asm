; Code that is written at random and run: a storm for whatever keeps translations
; of code.
;
;     rewrite [n=100000] [seed=1] [slots=512] [paged=0]
;
; There are `slots` places of 96 bytes, most of which cross no page border and some
; do. A place holds up to 8 instructions that change EAX or add to memory, and ends
; with RET or with a jump to a place before it. Every turn
;   - fills a place with new code, or changes one constant in a place;
;   - calls a place (by a register, or by a CALL that is patched for it);
;   - does the same to a copy of EAX by interpreting what it has written down about
;     the places, and compares.
; With paged=1 paging is on and the code is written under other linear addresses than it is
; run at. Prints BOOT, START, STOP and "turns N mismatches N sum N".

%include "multiboot.inc"
    multiboot_header MB_MEMORY_INFO
%include "serial.inc"
%include "options.inc"

SLOT_BYTES equ 96
SLOTS_MAX equ 4096
OPS_MAX equ 8
; What is known of a place: how many instructions, the place that follows (-1: none), kinds and constants.
MODEL_COUNT equ 0
MODEL_NEXT equ 4
MODEL_KIND equ 8
MODEL_VALUE equ MODEL_KIND + OPS_MAX * 4
MODEL_AT equ MODEL_VALUE + OPS_MAX * 4 ; where the constant lies in the place, 0: there is none
MODEL_BYTES equ MODEL_AT + OPS_MAX * 4
KINDS equ 14
ALIASED equ 0x40000000 ; with paged=1: where the first 64 MiB are a second time

    section .data
    align 4
options_table:
    option "n", opt_n
    option "seed", opt_seed
    option "slots", opt_slots
    option "paged", opt_paged
    option_end
    section .data
    align 4
opt_n:
    dd 100000
opt_seed:
    dd 1
opt_slots:
    dd 512
opt_paged:
    dd 0
alias: ; what lies between where code is run and where it is written
    dd 0
turn:
    dd 0
mismatches:
    dd 0
sum:
    dd 0
memory: ; what the code adds to, and the interpreter
    dd 0
model_memory:
    dd 0

    section .bss
    alignb 4096
page_directory:
    resb 4096
arena:
    resb SLOTS_MAX * SLOT_BYTES
    alignb 16
models:
    resb SLOTS_MAX * MODEL_BYTES
buffer: ; a place's code before it is copied
    resb SLOT_BYTES
    resb 4096
stack_top:

    section .text
    bits 32
    global start, trace_from, trace_to, all_done

; random: EAX (xorshift32). Clobbers nothing else.
%macro random 0
    push edx
    mov eax, [opt_seed]
    mov edx, eax
    shl edx, 13
    xor eax, edx
    mov edx, eax
    shr edx, 17
    xor eax, edx
    mov edx, eax
    shl edx, 5
    xor eax, edx
    mov [opt_seed], eax
    pop edx
%endmacro
; random_below LIMIT: EAX. Clobbers edx.
%macro random_below 1
    random
    xor edx, edx
    div dword %1
    mov eax, edx
%endmacro

start:
    cli
    cld
    mov ebp, eax
    mov edi, ebx
    serial_init
    mov eax, ebp
    mov ebx, edi
    parse_options
    mov esp, stack_top
    cmp dword [opt_slots], 1
    jb bad_options
    cmp dword [opt_slots], SLOTS_MAX
    ja bad_options
    cmp dword [opt_seed], 0
    je bad_options
    print "BOOT", 10
    cmp dword [opt_paged], 0
    je .unpaged
    call paging_on
.unpaged:
    ; Every place is a RET at first.
    mov ecx, [opt_slots]
    mov edi, arena
    mov esi, models
.place:
    mov byte [edi], 0xc3
    mov dword [esi + MODEL_COUNT], 0
    mov dword [esi + MODEL_NEXT], -1
    add edi, SLOT_BYTES
    add esi, MODEL_BYTES
    loop .place
    print "START", 10
trace_from:
    cmp dword [opt_n], 0
    je trace_to
next_turn:
    random_below [opt_slots]
    mov ebx, eax ; the place
    random
    test eax, 3
    jz .constant
    call write_place
    jmp .written
.constant:
    call change_constant
.written:
    random_below [opt_slots]
    mov ebx, eax
    mov esi, [sum]
    push ebx
    call interpret ; ESI
    pop ebx
    mov eax, [sum]
    call run_place ; EAX
    cmp eax, esi
    jne .differs
    mov edx, [memory]
    cmp edx, [model_memory]
    je .same
.differs:
    inc dword [mismatches]
    mov esi, [model_memory]
    mov [memory], esi
.same:
    mov [sum], eax
    inc dword [turn]
    mov eax, [turn]
    cmp eax, [opt_n]
    jne next_turn
trace_to:
    print "STOP", 10, "turns "
    mov ecx, [turn]
    put_dec
    print " mismatches "
    mov ecx, [mismatches]
    put_dec
    print " sum "
    mov ecx, [sum]
    add ecx, [memory]
    put_hex
    print 10
    serial_drain
all_done:
    guest_end

bad_options:
    print "guest: error: slots is 1 to 4096, seed is not 0", 10
    guest_end

; The first 64 MiB 1:1, and once more at ALIASED.
paging_on:
    mov eax, 0x87 ; P, W, U, PS
    xor ecx, ecx
.entry:
    mov [page_directory + ecx * 4], eax
    mov [page_directory + (ALIASED >> 22) * 4 + ecx * 4], eax
    add eax, 0x400000
    inc ecx
    cmp ecx, 16
    jne .entry
    mov eax, page_directory
    mov cr3, eax
    mov eax, cr4
    or eax, 0x10 ; PSE
    mov cr4, eax
    mov eax, cr0
    or eax, 0x80010000
    mov cr0, eax
    mov dword [alias], ALIASED
    ret

; ---- EBX: a place ----

; EDI: where its code is run.
%macro place_code 0
    imul edi, ebx, SLOT_BYTES
    add edi, arena
%endmacro
; EBP: what is known of it.
%macro place_model 0
    imul ebp, ebx, MODEL_BYTES
    add ebp, models
%endmacro

    section .rodata
    align 4
; Of every kind: bytes of the constant, how many come before it, these.
%macro form 1-* ; bytes of the constant, opcode
    db %1, %0 - 1
    %rep %0 - 1
    %rotate 1
    db %1
    %endrep
%endmacro
%macro forms 1-*
    %rep %0
    dd %1
    %rotate 1
    %endrep
%endmacro
form_add:
    form 4, 0x05
form_sub:
    form 4, 0x2d
form_xor:
    form 4, 0x35
form_lea:
    form 4, 0x8d, 0x80
form_imul:
    form 4, 0x69, 0xc0
form_rol:
    form 1, 0xc1, 0xc0
form_ror:
    form 1, 0xc1, 0xc8
form_not:
    form 0, 0xf7, 0xd0
form_neg:
    form 0, 0xf7, 0xd8
form_bswap:
    form 0, 0x0f, 0xc8
form_inc:
    form 0, 0x40
form_add_byte:
    form 1, 0x83, 0xc0
form_store: ; ADD [memory], EAX
    db 0, 6, 0x01, 0x05
    dd memory
form_load: ; ADD EAX, [memory]
    db 0, 6, 0x03, 0x05
    dd memory
    align 4
kind_forms:
    forms form_add, form_sub, form_xor, form_lea, form_imul, form_rol, form_ror, form_not, form_neg, form_bswap
    forms form_inc, form_add_byte, form_store, form_load
interpreters:
    forms do_add, do_sub, do_xor, do_add, do_imul, do_rol, do_ror, do_not, do_neg, do_bswap
    forms do_inc, do_add_byte, do_store, do_load

    section .text
; New code for the place: into the buffer, then over the old in one of several ways.
write_place:
    place_model
    random
    and eax, OPS_MAX - 1
    inc eax
    mov [ebp + MODEL_COUNT], eax
    mov edi, buffer
    xor ecx, ecx
.instruction:
    push ecx
    random_below [kinds]
    pop ecx
    mov [ebp + MODEL_KIND + ecx * 4], eax
    mov esi, [kind_forms + eax * 4]
    movzx edx, byte [esi] ; bytes of the constant
    push ecx
    movzx ecx, byte [esi + 1]
    add esi, 2
    rep movsb
    pop ecx
    mov dword [ebp + MODEL_AT + ecx * 4], 0
    test edx, edx
    jz .no_constant
    random
    mov [ebp + MODEL_VALUE + ecx * 4], eax
    mov [edi], eax
    mov eax, edi
    sub eax, buffer
    mov [ebp + MODEL_AT + ecx * 4], eax
    add edi, edx
.no_constant:
    inc ecx
    cmp ecx, [ebp + MODEL_COUNT]
    jne .instruction
    call write_end
    ; EDI: behind the code in the buffer
    mov ecx, edi
    sub ecx, buffer
    place_code
    add edi, [alias]
    mov esi, buffer
    random
    test eax, 1
    jz .by_bytes
    test eax, 2
    jz .by_words
    test eax, 4
    jz .backwards
    rep movsb
    ret
.by_bytes:
    mov al, [esi + ecx - 1]
    mov [edi + ecx - 1], al
    loop .by_bytes
    ret
.by_words: ; whatever stands behind the code in the place is overwritten as well
    add ecx, 3
    shr ecx, 2
.word:
    mov eax, [esi + ecx * 4 - 4]
    mov [edi + ecx * 4 - 4], eax
    loop .word
    ret
.backwards:
    std
    lea esi, [esi + ecx - 1]
    lea edi, [edi + ecx - 1]
    rep movsb
    cld
    ret

; RET, or a jump to a place with a lower number: at EDI in the buffer, which it moves on.
write_end:
    mov dword [ebp + MODEL_NEXT], -1
    random
    test eax, 1
    jz .return
    test ebx, ebx
    jz .return
    random_below ebx
    mov [ebp + MODEL_NEXT], eax
    sub eax, ebx
    imul eax, SLOT_BYTES ; from the start of this place to that of the other
    lea edx, [edi + 5]
    sub edx, buffer
    sub eax, edx
    mov byte [edi], 0xe9
    mov [edi + 1], eax
    add edi, 5
    ret
.return:
    mov byte [edi], 0xc3
    inc edi
    ret

; Another constant for one of the place's instructions.
change_constant:
    place_model
    mov ecx, [ebp + MODEL_COUNT]
    test ecx, ecx
    jz .none
    random_below ecx
    mov ecx, eax
    mov eax, [ebp + MODEL_AT + ecx * 4]
    test eax, eax
    jz .none
    place_code
    add edi, eax
    add edi, [alias]
    mov esi, [ebp + MODEL_KIND + ecx * 4]
    mov esi, [kind_forms + esi * 4]
    random
    mov [ebp + MODEL_VALUE + ecx * 4], eax
    cmp byte [esi], 4
    je .four
    mov [edi], al
    ret
.four:
    test al, 1
    jz .at_once
    mov [edi], ax ; in two halves
    shr eax, 16
    mov [edi + 2], ax
    ret
.at_once:
    mov [edi], eax
.none:
    ret

; EAX through the place.
run_place:
    push eax
    place_code
    random
    test al, 1
    pop eax
    jz .patched
    call edi
    ret
.patched:
    push eax
    lea eax, [edi - (.call + 5)]
    mov edx, .call + 1
    add edx, [alias]
    mov [edx], eax
    pop eax
.call:
    call .call
    ret

; ESI through what is known of the place.
interpret:
    place_model
    xor ecx, ecx
.instruction:
    cmp ecx, [ebp + MODEL_COUNT]
    je .end
    mov edx, [ebp + MODEL_VALUE + ecx * 4]
    mov eax, [ebp + MODEL_KIND + ecx * 4]
    inc ecx
    jmp [interpreters + eax * 4]
.end:
    mov ebx, [ebp + MODEL_NEXT]
    cmp ebx, -1
    jne interpret
    ret
do_add:
    add esi, edx
    jmp interpret.instruction
do_sub:
    sub esi, edx
    jmp interpret.instruction
do_xor:
    xor esi, edx
    jmp interpret.instruction
do_imul:
    imul esi, edx
    jmp interpret.instruction
do_rol:
    xchg ecx, edx
    rol esi, cl
    xchg ecx, edx
    jmp interpret.instruction
do_ror:
    xchg ecx, edx
    ror esi, cl
    xchg ecx, edx
    jmp interpret.instruction
do_not:
    not esi
    jmp interpret.instruction
do_neg:
    neg esi
    jmp interpret.instruction
do_bswap:
    bswap esi
    jmp interpret.instruction
do_inc:
    inc esi
    jmp interpret.instruction
do_add_byte:
    movsx edx, dl
    add esi, edx
    jmp interpret.instruction
do_store:
    add [model_memory], esi
    jmp interpret.instruction
do_load:
    add esi, [model_memory]
    jmp interpret.instruction

    section .rodata
    align 4
kinds:
    dd KINDS
