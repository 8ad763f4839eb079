; A jump into an absent page, and an instruction whose end is on one: #PF with the address of the byte that is
; missing, nothing executed. A jump to the next page that is there goes on.
%include "behaviour.inc"
    behaviour PAGED
    mov dword [PTE32(WINDOW + PAGE)], 0
    mov dword [PTE32(WINDOW + 3 * PAGE)], 0
    mov eax, WINDOW + PAGE + 0x123
    catch .jump
    jmp eax
.jump:
    mov eax, WINDOW + PAGE - 4
    mov byte [eax], 0x41 ; INC ECX
    mov word [eax + 1], 0xb942 ; INC EDX; MOV ECX, constant
    catch .inside
    jmp eax
.inside:
    mov word [WINDOW + 3 * PAGE - 2], 0xc340 ; INC EAX; RET: the page's last bytes
    mov ecx, WINDOW + 3 * PAGE - 2
    call ecx
    see "eax", eax
    mov byte [WINDOW + 3 * PAGE - 1], 0x40 ; runs off the page
    catch .end
    call ecx
.end:
    done
