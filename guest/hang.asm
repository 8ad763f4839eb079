; Writes 16 dwords, then runs in a loop for ever with interrupts off.

%include "small.inc"

    small_guest
.for_ever:
    jmp .for_ever
