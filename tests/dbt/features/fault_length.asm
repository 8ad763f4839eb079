; An instruction of 15 bytes, one of more (#GP), one whose sixteenth byte lies on a page that is not there, and one that
; ends behind its segment's limit (SDM Vol. 2A, 2.3.11; Vol. 3A, 5.3).
%include "behaviour.inc"
    behaviour PAGED
    times 13 db 0x3e
    inc ecx
    inc ecx
    catch .long
    times 15 db 0x3e
    inc ecx
.long:
    see "ecx", ecx
    mov dword [PTE32(WINDOW + 0x1000)], 0
    ; Fifteen prefixes up to the end of the page: no byte of the next one is looked at.
    mov edi, WINDOW + PAGE - 15
    mov al, 0x3e
    mov ecx, 15
    rep stosb
    catch .page
    mov eax, WINDOW + PAGE - 15
    jmp eax
.page:
    catch .next_page
    mov eax, WINDOW + PAGE - 14
    jmp eax
.next_page:
    ; A code segment of 5 bytes less than a page.
    descriptor SEL_FREE, WINDOW, PAGE - 6, 0xc09b & ~ACCESS_PAGES
    mov dword [WINDOW + PAGE - 9], 0x40404040 ; INC EAX
    mov dword [WINDOW + PAGE - 5], 0x40404040
    xor eax, eax
    catch .behind
    jmp SEL_FREE:PAGE - 9
.behind:
    see "eax", eax
    mov dword [WINDOW + PAGE - 9], 0x00b84040 ; MOV EAX, imm32: its last bytes are behind
    catch .in_part
    jmp SEL_FREE:PAGE - 9
.in_part:
    see "eax", eax
    catch .target
    jmp SEL_FREE:PAGE - 5
.target:
    ; Near branches to behind the limit fault where they are.
    mov word [WINDOW + PAGE - 9], 0x7feb ; JMP
    catch .near
    jmp SEL_FREE:PAGE - 9
.near:
    mov word [WINDOW + PAGE - 9], 0x0574 ; JZ
    catch .conditional
    xor eax, eax
    jmp SEL_FREE:PAGE - 9
.conditional:
    mov dword [WINDOW + PAGE - 12], 0x06e20690 ; LOOP
    mov ecx, 2
    catch .loop
    jmp SEL_FREE:PAGE - 10
.loop:
    see "ecx", ecx
    mov dword [WINDOW + PAGE - 10], 0xc3909090 ; RET
    push dword PAGE
    catch .return
    jmp SEL_FREE:PAGE - 7
.return:
    mov word [WINDOW + PAGE - 9], 0xd0ff ; CALL EAX
    mov eax, PAGE
    catch .call
    jmp SEL_FREE:PAGE - 9
.call:
    done
