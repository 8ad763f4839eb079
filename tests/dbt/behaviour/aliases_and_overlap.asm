; Two linear addresses of one page: what is written at one is read at the other, also by accesses that lie on
; both pages.
%include "behaviour.inc"
    behaviour LONG64
    mov dword [abs WINDOW + 8], 0x11223344
    mov eax, [abs ALIASES + 8]
    see "rax", rax
    add dword [abs ALIASES + 8], 1
    mov eax, [abs WINDOW + 8]
    see "rax", rax
    mov rax, 0x8877665544332211
    mov [abs WINDOW + PAGE - 3], rax
    mov rbx, [abs ALIASES + PAGE - 3]
    see "rbx", rbx
    mov dword [PTE64(ALIASES + PAGE)], FRAME(0) + PTE_P + PTE_W ; the page that follows is the page itself
    mov rcx, cr3
    mov cr3, rcx
    mov rbx, [abs ALIASES + PAGE - 3]
    see "rbx", rbx
    mov [abs ALIASES + PAGE - 4], rax
    mov rbx, [abs WINDOW]
    see "rbx", rbx
    mov rbx, [abs WINDOW + PAGE - 8]
    see "rbx", rbx
    mov esi, ALIASES + PAGE - 2
    mov edi, WINDOW + 2
    mov ecx, 4
    rep movsw
    see_memory "moved", WINDOW, 3
    done
