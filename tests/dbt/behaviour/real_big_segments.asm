; Real mode after protected mode: a segment keeps the limit that protected mode has given it ("unreal mode"),
; also when its base is loaded anew; so do CS's and SS's rights.
%include "behaviour.inc"
    behaviour REAL
    jmp .start
    align 8
.gdt:
    dw 15
    dd .table
.table:
    dq 0, 0x00cf93000000ffff
.start:
    mov eax, 0x12345678
    catch_real .small
    mov ebx, 0x10000
    mov [es:ebx], eax
.small:
    o32 lgdt [.gdt]
    mov ecx, cr0
    or cl, CR0_PE
    mov cr0, ecx
    mov dx, 8
    mov es, dx
    and cl, ~CR0_PE
    mov cr0, ecx
    mov edi, window_frames
    mov dword [es:edi], eax
    a32 stosd
    mov ebx, 0x20000
    mov dword [es:ebx], eax
    xor dx, dx
    mov es, dx ; the base alone
    mov ebx, window_frames
    mov eax, [es:ebx + 4]
    see "low", ax
    mov dx, 0x1000
    mov es, dx
    mov eax, [es:ebx - 0x10000]
    see "with a base", ax
    mov ecx, 4
    mov esi, .table
    a32 rep movsb
    see "di", di
    leave_real
    see_memory "memory", window_frames, 3
    see "at 128 KiB", [0x20000]
    done
