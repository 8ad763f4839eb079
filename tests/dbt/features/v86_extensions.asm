; CR4.VME: with IOPL below 3 a program in virtual-8086 mode has a flag of its own, VIF, and INT n may go to its own
; handlers; CR4.PVI: VIF for CLI and STI at CPL 3 (SDM Vol. 3B, 21.3 and 21.4).
%include "behaviour.inc"
%include "v86.inc"
CR4_VME equ 1 << 0
CR4_PVI equ 1 << 1
FLAG_VIF equ 1 << 19
FLAG_VIP equ 1 << 20
REDIRECTION equ TSS_IO_MAP ; all ones; the ports' bitmap behind it
%macro refused 2+ ; flags, instruction
    catch %%after
    to_v86 %1
    %2
    leave_v86
%%after:
    mov eax, SEL_DATA
    mov ds, eax
    mov es, eax
%endmacro
%macro allowed_at_level3 2+
    to_ring3 %1
    %2
    pushfd
    pop ebx
    to_ring0
    see "flags", ebx
%endmacro
%macro refused_at_level3 2+
    catch_anew %%after
    to_ring3 %1
    %2
    to_ring0
%%after:
    mov eax, SEL_DATA
    mov ds, eax
    mov es, eax
%endmacro
%macro popf_of 1
    push word %1
    popf
%endmacro
%macro iret_of 1
    push word %1
    push cs
    push word %%next
    iret
%%next:
%endmacro
    behaviour PROTECTED
    v86_gate
    mov eax, 1
    cpuid
    and edx, 2
    mov eax, 0
    mov ebx, eax
    mov ecx, eax
    see "vme", edx
    mov word [tss + 102], REDIRECTION + 32
    btr dword [tss + REDIRECTION + 0x40 / 8], 2
    btr dword [tss + REDIRECTION + 0x40 / 8], 3
    mov dword [0x42 * 4], own
    mov dword [0x43 * 4], 0x00100000 + own - 0x100
    mov edi, V86_DS * 16
    mov ecx, 8
    mov eax, 0
    rep stosd
    refused 0, int 0x42 ; without VME the bitmap does not count
    mov eax, cr4
    or eax, CR4_VME
    mov cr4, eax
    catch .over
    to_v86 0
    mov [0], sp
    pushf
    pop ax
    sti
    pushf
    pop bx
    int 0x42
    cli
    pushf
    pop cx
    popf_of 0x3ed7 ; IF and IOPL, not TF
    pushf
    pop dx
    int 0x43
    iret_of 0x3002
    pushf
    pop si
    iret_of 0x0202
    pushf
    pop di
    leave_v86 ; refused, by IOPL
.over:
    mov eax, SEL_DATA
    mov ds, eax
    mov es, eax
    see_memory "own", V86_DS * 16, 4
    ; IOPL 3: IF itself, and the bitmap counts as well.
    to_v86 FLAG_IOPL + FLAG_VIF
    sti
    int 0x42
    pushf
    pop ax
    cli
    popf_of 0x0202
    pushf
    pop bx
    pushfd
    pop ecx
    leave_v86
    see "eax", eax
    see "ebx", ebx
    see "ecx", ecx
    see_memory "own", V86_DS * 16, 4
    ; What stays with the monitor.
    refused 0, pushfd
    refused 0, popfd
    refused 0, iretd
    refused 0, int 0x44
    refused FLAG_VIP, sti
    refused FLAG_VIP, popf_of 0x202
    refused FLAG_VIP, popf_of 2
    refused FLAG_VIP, cli
    refused FLAG_VIP, iret_of 0x202
    refused 0, popf_of 0x102
    refused 0, iret_of 0x102
    refused FLAG_VIP + FLAG_VIF, nop
    refused FLAG_IOPL + FLAG_VIP + FLAG_VIF, nop
    mov word [tss + 102], 0x200 ; both bitmaps behind the limit
    refused 0, int 0x42
    ; CPL 3 without PVI, and with it.
    refused_at_level3 2, sti
    mov eax, CR4_PVI
    mov cr4, eax
    allowed_at_level3 2, sti
    allowed_at_level3 FLAG_VIF + 2, cli
    allowed_at_level3 FLAG_IOPL + 2, sti
    allowed_at_level3 FLAG_VIF + 2, popf_of 0x202
    refused_at_level3 FLAG_VIP + 2, sti
    refused_at_level3 FLAG_VIP + FLAG_VIF + 2, nop
    refused_at_level3 FLAG_IOPL + FLAG_VIP + FLAG_VIF + 2, nop
    refused 0, cli ; PVI is not for virtual-8086 mode
    done
    code 16
own:
    push bp
    mov bp, sp
    push ax
    mov ax, [bp + 6]
    mov [2], ax
    pushf
    pop word [4]
    mov [6], cs
    pop ax
    pop bp
    iret
