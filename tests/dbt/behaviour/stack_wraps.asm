; A 16-bit stack: SP wraps at 64 KiB, ESP's upper half stays; a push at SP = 1 would lie across the end:
; #SS(0).
%include "behaviour.inc"
    behaviour PROTECTED
    descriptor SEL_FREE, 0x20000, 0xffff, ACCESS_DATA | ACCESS_DPL3
    mov dword [0x2fffc], 0
    mov eax, 0x12345678
    to_ring3
    mov ebx, SEL_FREE + 3
    mov ss, ebx
    mov esp, 0xabcd0002
    push ax
    mov ebx, esp
    push ax
    mov ecx, esp
    pop dx
    pop dx
    mov esi, esp
    to_ring0
    see "at 0", ebx
    see "wrapped", ecx
    see "back", esi
    to_ring3
    mov ebx, SEL_FREE + 3
    mov ss, ebx
    mov esp, 0xabcd0000
    pushad
    mov ebx, esp
    popad
    mov ecx, esp
    push eax
    mov edx, esp
    pop ebp
    call .called
.called:
    mov esi, esp
    add sp, 4
    enter 4, 0
    mov edi, esp
    leave
    to_ring0
    see "pushad", ebx
    see "popad", ecx
    see "push", edx
    see "call", esi
    see "enter", edi
    see "ebp", ebp
    catch_anew .odd
    to_ring3
    mov ebx, SEL_FREE + 3
    mov ss, ebx
    mov esp, 1
    push ax
.odd:
    catch_anew .across
    to_ring3
    mov ebx, SEL_FREE + 3
    mov ss, ebx
    mov esp, 2
    push eax
.across:
    catch_anew .pop
    to_ring3
    mov ebx, SEL_FREE + 3
    mov ss, ebx
    mov esp, 0xffff
    pop ax
.pop:
    mov eax, [0x2fffc]
    see "top of the segment", eax
    done
