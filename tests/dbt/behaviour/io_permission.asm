; IN and OUT at level 3: IOPL, else the bitmap in the TSS, which two bytes are read of, and its limit (SDM
; Vol. 1, 19.5.2).
%include "behaviour.inc"
    behaviour PROTECTED
    and byte [tss + TSS_IO_MAP + 0x3f8 / 8], 0x7f ; 3FFH alone
    to_ring3
    mov dx, 0x3ff
    mov al, 0x5a
    out dx, al
    in al, dx
    to_ring0
    movzx eax, al
    see "scratch register", eax
    catch_anew .neighbour
    to_ring3
    mov dx, 0x3fe
    in al, dx
.neighbour:
    catch_anew .word
    to_ring3
    mov dx, 0x3fe
    in ax, dx
.word:
    catch_anew .across
    to_ring3
    mov dx, 0x3ff
    in eax, dx
.across:
    catch_anew .behind
    to_ring3
    mov dx, 0x8000 ; behind the TSS's limit
    out dx, al
.behind:
    catch_anew .cli
    to_ring3
    cli
.cli:
    catch_anew .sti
    to_ring3
    sti
.sti:
    catch_anew .hlt
    to_ring3
    hlt
.hlt:
    mov word [tss + 102], 0xffff ; no bitmap
    catch_anew .no_map
    to_ring3
    in al, 0x64
.no_map:
    to_ring3 FLAG_IOPL | 2
    mov dx, 0x3ff
    in al, dx
    to_ring0
    movzx eax, al
    see "iopl 3", eax
    done
