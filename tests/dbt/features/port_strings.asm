; INS and OUTS: sizes, REP, direction, address sizes, faults of memory before the port is touched (SDM Vol. 2).
%include "behaviour.inc"
IMR equ 0x21 ; of the interrupt controller: reads FFH
    behaviour PAGED
    mov edi, WINDOW + 0x10
    mov esi, WINDOW + 0x10
    mov edx, IMR
    insb
    insb
    mov edx, 0x80
    outsb
    outsw
    outsd
    see "esi", esi
    see "edi", edi
    mov edx, IMR
    mov ecx, 5
    rep insb
    see_memory "memory", WINDOW + 0x10, 3
    std
    mov ecx, 3
    rep insb
    mov edx, 0x80
    mov ecx, 2
    rep outsd
    cld
    see "esi", esi
    see "edi", edi
    mov ecx, 0
    rep outsb
    ; Over a page border, and to one that is not there.
    mov edi, WINDOW + PAGE - 3
    mov edx, IMR
    mov ecx, 6
    rep insb
    mov esi, WINDOW + PAGE - 1
    mov edx, 0x80
    outsd
    mov dword [PTE32(WINDOW + 0x2000)], 0
    invlpg [WINDOW + 0x2000]
    mov edi, WINDOW + 0x2000 - 2
    mov ecx, 5
    mov edx, IMR
    catch .absent
    rep insb
.absent:
    mov ecx, 5
    mov esi, WINDOW + 0x2000 - 2
    mov edx, 0x80
    catch .absent_out
    rep outsb
.absent_out:
    ; Segments.
    mov eax, SEL_DATA16
    mov es, eax
    mov fs, eax
    mov dword [0x8000], 0x04030201
    mov esi, 0x8000
    fs outsb
    mov edi, 0x10000
    mov edx, IMR
    catch .limit
    insb
.limit:
    mov eax, SEL_DATA
    mov es, eax
    mov edi, 0x12348000
    mov ecx, 0x56780002
    mov edx, 0x56780000 + 0x80
    mov esi, 0x12348000
    a16 rep outsb
    see "esi", esi
    see "ecx", ecx
    done
