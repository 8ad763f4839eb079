; Virtual-8086 mode with paging: its accesses are those of level 3, page faults come out of it and go back; an interrupt;
; SYSENTER; addresses from 1 MiB on (SDM Vol. 3B, 21.2.3, 21.3).
%include "behaviour.inc"
%include "v86.inc"
    behaviour PAGED
    v86_gate
    mov edi, 0x8000
    mov ecx, 0x8000 / 4
    rep stosd
    mov dword [0x10ffec], 0
    ; The first 4 MiB in small pages; 8000H absent, 9000H for the supervisor, A000H read-only, B000H not accessed.
    mov edi, low_table
    mov eax, PTE_P + PTE_W + PTE_U + PTE_A + PTE_D
    mov ecx, 1024
.page:
    stosd
    add eax, PAGE
    loop .page
    mov dword [low_table + 8 * 4], 0
    mov dword [low_table + 9 * 4], 0x9000 + PTE_P + PTE_W
    mov dword [low_table + 10 * 4], 0xa000 + PTE_P + PTE_U
    mov dword [low_table + 11 * 4], 0xb000 + PTE_P + PTE_U + PTE_W
    mov dword [low_table + 0x100 * 4], FRAME(2) + PTE_P + PTE_U + PTE_W ; not that of 0
    mov dword [page_directory], low_table + PTE_P + PTE_W + PTE_U + PTE_A
    mov eax, cr3
    mov cr3, eax
    gate 14, .absent, INTERRUPT_GATE
    to_v86 FLAG_IOPL + FLAG_CF
    mov eax, [0x10]
    inc dword [0x20]
    mov [0x1020], al
    mov [0x2020], ax
    mov [0x3ffe], eax ; crosses
    push eax
    lock inc word [0x3ffe]
    mov cx, 0xffff
    mov ds, cx
    mov [0x20], eax ; 100010H
    mov eax, [0xfffc]
    leave_v86
    see "eax", eax
    see_memory "pages", low_table + 8 * 4, 5
    see_memory "page", low_table + 0x100 * 4, 1
    ; An interrupt, by an interrupt gate and by a trap gate.
    gate VECTOR_IRQ, .irq, INTERRUPT_GATE
    irq_init
    irq_request
    to_v86 FLAG_IOPL + FLAG_IF
    nop
    leave_v86
    gate VECTOR_IRQ, .irq, TRAP_GATE
    irq_request
    to_v86 FLAG_IOPL
    sti
    nop
    cli
    leave_v86
    ; SYSENTER leaves it.
    mov ecx, MSR_SYSENTER_CS
    mov eax, SEL_CODE
    xor edx, edx
    wrmsr
    mov ecx, MSR_SYSENTER_EIP
    mov eax, .entered
    wrmsr
    mov ecx, MSR_SYSENTER_ESP
    mov eax, stack
    wrmsr
    to_v86 FLAG_CF
    sysenter
    leave_v86
.entered:
    mov eax, ds
    mov ebx, SEL_DATA
    mov ds, ebx
    mov es, ebx
    see "ds", eax
    mov eax, cs
    see "cs", eax
    mov eax, ss
    see "ss", eax
    see_flags "flags", 0x3f7fd7
    done
; Error code, EIP, CS, EFLAGS, ESP, SS, ES, DS, FS, GS: makes the page what it has to be for it to go on.
.absent:
    push eax
    mov eax, SEL_DATA
    mov ds, eax
    see "error", [esp + 4]
    see "ip", [esp + 8]
    see "flags", [esp + 16]
    mov eax, cr2
    see "cr2", eax
    and eax, 0xfffff000
    push ecx
    mov ecx, eax
    shr ecx, 12
    or eax, PTE_P + PTE_U + PTE_W
    mov [low_table + ecx * 4], eax
    mov eax, cr2
    invlpg [eax]
    pop ecx
    pop eax
    add esp, 4
    iretd
.irq:
    push eax
    mov eax, SEL_DATA
    mov ds, eax
    irq_end
    see "ip", [esp + 4]
    see "flags", [esp + 12]
    see_flags "in it", 0x3f7fd7
    pop eax
    iretd
    section .bss
    alignb 4096
low_table:
    resb 4096
