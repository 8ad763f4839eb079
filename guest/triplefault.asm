; Writes 16 dwords at `data`, then triple-faults: an exception with no IDT to take it.

%include "small.inc"
%include "end.inc"

    small_guest
    triple_fault
