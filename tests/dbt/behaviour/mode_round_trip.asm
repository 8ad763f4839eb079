; Real to protected to long to compatibility mode and all the way back, twice.
%include "behaviour.inc"
    behaviour REAL
again:
    see "real", sp
    o32 lgdt [cs:.gdt]
    mov eax, cr0
    or al, CR0_PE
    mov cr0, eax
    jmp dword SEL_CODE:protected
.gdt:
    dw 0xcf
    dd gdt
real16: ; 16-bit protected
    mov eax, SEL_DATA16
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov eax, cr0
    and al, ~CR0_PE
    mov cr0, eax
    jmp 0:.real
.real:
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, REAL_STACK
    o32 lidt [.idt]
    mov al, [cs:turns]
    dec byte [cs:turns]
    jnz again
    catch_real .fault
    ud2
.fault:
    leave_real
    done
    code 16
.idt:
    dw 0x3ff
    dd real_idt
turns:
    db 2
    code 32
protected:
    mov eax, SEL_DATA
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov esp, stack
    see "protected", esp
    mov eax, pml4
    mov cr3, eax
    mov eax, cr4
    or eax, CR4_PAE
    mov cr4, eax
    mov ecx, MSR_EFER
    rdmsr
    or eax, EFER_LME
    wrmsr
    mov eax, cr0
    or eax, CR0_PG
    mov cr0, eax
    rdmsr
    see "compatibility", eax ; LMA is set
    jmp SEL_CODE64:.long
    code 64
.long:
    mov eax, cs
    see "long", rax
    mov [abs WINDOW], rsp
    push SEL_CODE
    push .compatibility
    o64 retf
    code 32
.compatibility:
    mov eax, [WINDOW]
    see "compatibility", eax
    mov eax, cr0
    and eax, ~CR0_PG
    mov cr0, eax
    mov ecx, MSR_EFER
    rdmsr
    see "efer", eax ; LMA is clear
    and eax, ~EFER_LME
    wrmsr
    mov eax, cr4
    and eax, ~CR4_PAE
    mov cr4, eax
    jmp SEL_CODE16:real16
