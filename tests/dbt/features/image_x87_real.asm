; FNSTENV and FNSAVE in real mode, in both widths; reserved halves are ones (SDM Vol. 1, 8.1.10).
%include "behaviour.inc"
    behaviour REAL
    fninit
    fnstenv [0x8000]
    o32 fnstenv [0x8040]
    fnsave [0x8080]
    o32 fnsave [0x8100]
    leave_real
    done
