; CR4.UMIP: SGDT, SIDT, SLDT, STR and SMSW at level 3 are #GP(0), at level 0 they are not.
%include "behaviour.inc"
    behaviour PROTECTED
    needs_cpuid 7, ecx, 2
    mov eax, cr4
    or eax, CR4_UMIP
    mov cr4, eax
    smsw eax
    and eax, 0xffff
    see "level 0", eax
%macro try 1+
    catch_anew %%after
    to_ring3
    %1
%%after:
%endmacro
    try sgdt [stack_user - 8]
    try sidt [stack_user - 8]
    try sldt eax
    try str [stack_user - 8]
    try smsw eax
    done
