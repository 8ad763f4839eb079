; BT, BTS, BTR, BTC with a bit offset in a register reach far from the operand, in both directions, and wrap
; with the address size.
%include "behaviour.inc"
    behaviour PAGED
    mov eax, 8 * PAGE + 3
    bts [WINDOW], eax
    see "a page up", [WINDOW + PAGE]
    mov eax, -8 * 8
    bts [WINDOW + 2 * PAGE], eax
    see "8 bytes down", [WINDOW + 2 * PAGE - 8]
    mov eax, 35
    btc [WINDOW + PAGE - 2], eax ; the word is at + 4
    bt [WINDOW + PAGE - 2], eax
    see_flags "bt", FLAG_CF
    btr [WINDOW + PAGE - 2], eax
    see_flags "btr", FLAG_CF
    see "memory", [WINDOW + PAGE + 2]
    mov eax, -1
    bts [WINDOW + PAGE + 2], ax ; 16 bits: two bytes down
    see "memory", [WINDOW + PAGE]
    mov dword [PTE32(WINDOW + 3 * PAGE)], 0
    mov eax, 8 * PAGE
    catch .absent
    btc [WINDOW + 2 * PAGE], eax
.absent:
    bts dword [WINDOW + 2 * PAGE], 33 ; of a constant only the low bits count
    see "memory", [WINDOW + 2 * PAGE]
    mov ebx, WINDOW
    mov dword [ebx + 0x10], 0x44332211
    mov eax, 0xaabbcc12
    xlatb
    see "xlat", eax
    done
