; XCHG, CMPXCHG, CMPXCHG8B, XADD, BTS, SHL, NEG on a read-only page: #PF of a write, whatever the comparison
; says, and no register changes.
%include "behaviour.inc"
    behaviour PAGED
    mov dword [PTE32(WINDOW)], FRAME(0) + PTE_P
    mov dword [WINDOW + PAGE], 0x11111111
    mov eax, 0x12345678
    mov ecx, 0x22222222
    mov edx, 0x33333333
    catch .xchg
    xchg [WINDOW], eax
.xchg:
    catch .differs
    cmpxchg [WINDOW], ecx
.differs:
    mov eax, 0
    catch .equal
    lock cmpxchg [WINDOW], ecx
.equal:
    catch .eight
    cmpxchg8b [WINDOW + 8]
.eight:
    catch .xadd
    xadd [WINDOW], ecx
.xadd:
    mov eax, 77
    catch .bts
    bts [WINDOW - 8], eax ; the bit is at WINDOW + 1
.bts:
    catch .shl
    shl dword [WINDOW], 3
.shl:
    catch .neg
    lock neg dword [WINDOW]
.neg:
    catch .zero_shift ; by no bit, but a write all the same
    mov ecx, 0
    shl dword [WINDOW], cl
.zero_shift:
    see "memory", [WINDOW]
    done
