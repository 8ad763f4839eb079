; Alignment checks: CR0.AM, EFLAGS.AC and level 3 together, of the program's own accesses (SDM Vol. 3A, 6.15, #AC).
%include "behaviour.inc"
DATA equ WINDOW + 0x100
; checked INSTRUCTION: at level 3 with AC; the exception, or where there is none.
%macro checked 1+
    catch_anew %%after
    to_ring3 FLAG_AC + 2
    %1
    to_ring0
    see "passed", esi
%%after:
    mov eax, SEL_DATA
    mov ds, eax
    mov es, eax
    inc esi
    mov edi, DATA + 0x40
%endmacro
    behaviour PAGED
    mov eax, cr0
    or eax, 1 << 18 ; AM
    mov cr0, eax
    mov edi, DATA + 0x40
    ; Not at level 0.
    push dword FLAG_AC + 2
    popfd
    mov eax, [DATA + 1]
    push dword 2
    popfd
    checked mov al, [DATA + 1]
    checked mov ax, [DATA + 2]
    checked mov ax, [DATA + 1]
    checked mov eax, [DATA + 2]
    checked mov [DATA + 6], eax
    checked inc dword [DATA + 5]
    checked mov eax, [DATA + 8]
    checked fld dword [DATA + 2]
    checked fld qword [DATA + 4]
    checked fld qword [DATA + 8]
    checked fnstcw [DATA + 3]
    checked movsd xmm0, [DATA + 4]
    checked movss xmm0, [DATA + 6]
    checked movaps xmm0, [DATA + 8]
    checked cmpxchg8b [DATA + 4]
    checked stosd
    mov edi, DATA + 0x42
    checked stosd
    mov edi, DATA + 0x41
    checked stosb
    checked push word 5
    checked call dword [DATA + 2]
    mov esi, DATA
    ; On a page that is not there, and one that cannot be written.
    mov dword [PTE32(WINDOW + 0x2000)], 0
    and dword [PTE32(WINDOW + 0x3000)], ~PTE_W
    invlpg [WINDOW + 0x2000]
    invlpg [WINDOW + 0x3000]
    checked mov eax, [WINDOW + 0x2001]
    checked mov [WINDOW + 0x3001], eax
    checked mov [WINDOW + 0x3004], eax
    ; Without AC, and without AM.
    to_ring3 2
    mov eax, [DATA + 1]
    to_ring0
    mov eax, cr0
    and eax, ~(1 << 18)
    mov cr0, eax
    checked mov eax, [DATA + 1]
    done
