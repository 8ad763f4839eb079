; Virtual-8086 mode: what IOPL allows, events out of it and back, ports by the I/O permission bitmap alone.
%include "behaviour.inc"
%include "v86.inc"
%macro refused 2+ ; IOPL, instruction
    catch %%after
    to_v86 %1
    %2
    leave_v86
%%after:
    mov eax, SEL_DATA
    mov ds, eax
    mov es, eax
%endmacro
    behaviour PAGED
    v86_gate
    mov dword [REAL_STACK], 0
    gate 0x42, .returns, INTERRUPT_GATE + FOR_LEVEL3
    gate 3, .returns, TRAP_GATE + FOR_LEVEL3
    gate 4, .returns, TRAP_GATE + FOR_LEVEL3
    gate 0x43, .returns, TRAP_GATE
    refused 0, cli
    refused 0, sti
    refused 0, pushf
    refused 0, popf
    refused 0, iret
    refused 0x2000, int VECTOR_BACK
    refused FLAG_IOPL, int 0x43 ; its DPL is 0
    refused FLAG_IOPL, {out 0x80, al}
    refused FLAG_IOPL, {in al, dx}
    refused FLAG_IOPL, ud2
    refused FLAG_IOPL, div ch
    refused FLAG_IOPL, int 0x5f ; nothing there
    mov byte [tss + TSS_IO_MAP + 0x80 / 8], 0
    ; Not IOPL-sensitive.
    to_v86 FLAG_IOPL
    mov al, 5
    out 0x80, al
    int3
    int 0x42
    mov al, 0x7f
    add al, al
    into
    cli
    pushf
    pop bx
    sti
    pushfd
    pop ecx
    push dword 0x00247ed7 ; ID, AC, NT, IOPL and all others but TF
    popfd
    pushfd
    pop edx
    push word 2
    popf
    ; IRET within the mode.
    pushf
    push cs
    push word .here
    iret
.here:
    pushfd
    push dword 0
    push dword .there
    iretd
.there:
    leave_v86
    see "ebx", ebx
    see "ecx", ecx
    see "edx", edx
    ; Through a gate to a code segment of another level.
    descriptor SEL_FREE, 0, 0xfffff, 0xc0fb
    mov dword [idt + 0x42 * 8], (SEL_FREE + 3) << 16
    refused FLAG_IOPL, int 0x42
    descriptor SEL_FREE, 0, 0xfffff, 0xc09f ; conforming
    mov dword [idt + 0x42 * 8], SEL_FREE << 16
    refused FLAG_IOPL, int 0x42
    ; TF in it.
    gate 1, .returns, INTERRUPT_GATE
    to_v86 FLAG_IOPL + FLAG_TF
    nop
    pop ax
    leave_v86
    ; A 16-bit gate.
    mov word [idt + 0x42 * 8], .narrow
    mov word [idt + 0x42 * 8 + 2], SEL_CODE16
    mov dword [idt + 0x42 * 8 + 4], 0xe600
    to_v86 FLAG_IOPL
    int 0x42
    leave_v86
    done
.returns:
    push eax
    mov eax, SEL_DATA
    mov ds, eax
    pop eax
    see "ip", [esp]
    see "flags", [esp + 8]
    iretd
    code 16
.narrow:
    mov ax, SEL_DATA16
    mov ds, ax
    jmp SEL_CODE:dword .wide
    code 32
.wide:
    mov eax, SEL_DATA
    mov ds, eax
    mov es, eax
    see_memory "frame", stack_tss - 20, 5
    mov eax, esp
    see "esp", eax
    mov esp, stack
    done
