; IRETQ that cannot be: NT set, a RIP that is not canonical, selectors. IRETD in 64-bit mode is left out: it
; pops SS and RSP as well (SDM Vol. 2A, IRET; Vol. 3A, 6.14.3), in Bochs only where the level changes.
%include "behaviour.inc"
    behaviour LONG64
%macro try 3-5 SEL_USER_DATA, 2 ; name, CS, IP, [SS, flags]
    see %1, 0
    catch %%after
    push %4
    push stack_user
    push %5
    push %2
    mov eax, %3
    push rax
    iretq
%%after:
    mov esp, stack
%endmacro
    pushfq
    or qword [rsp], FLAG_NT
    popfq
    catch .nested
    iretq
.nested:
    see_flags "nt", FLAG_NT
    try "null cs", 0, .end
    try "data", SEL_DATA, .end
    try "null ss", SEL_USER_CODE64, .end, 0
    try "null ss3", SEL_USER_CODE64, .end, 3
    try "null ss compatible", SEL_USER_CODE, .end, 3
    try "ss rpl", SEL_USER_CODE64, .end, SEL_DATA
    catch .canonical
    push SEL_USER_DATA
    push stack_user
    push 2
    push SEL_USER_CODE64
    mov rax, 0x0000800000000000
    push rax
    iretq
.canonical:
    mov esp, stack
.end:
    done
