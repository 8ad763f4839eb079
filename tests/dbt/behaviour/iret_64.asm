; IRETQ: SS and RSP always come; to level 0 with a null SS, to level 3, to compatibility mode of 32 and 16
; bits, and back by INT. The frame's RSP is aligned to 16 bytes (SDM Vol. 3A, 6.14.2).
%include "behaviour.inc"
    behaviour LONG64
    gate 0x41, .back, INTERRUPT_GATE | FOR_LEVEL3
    gate 0x42, .over, INTERRUPT_GATE | FOR_LEVEL3, 1
    push 0
    push stack - 24
    push 0x46
    push SEL_CODE64
    push .same
    iretq
.same:
    mov rax, rsp
    see "rsp", rax
    mov eax, ss
    see "ss", rax
    sub rsp, 3
    int 0x41
.after_same:
    push SEL_USER_DATA
    push stack_user - 5
    push 2
    push SEL_USER_CODE64
    push .user
    iretq
.user:
    int 0x41
.after_user:
    push SEL_USER_DATA
    push stack_user - 16
    push 2
    push SEL_USER_CODE
    push compatible
    iretq
.after_compatible:
    push SEL_USER_DATA16
    push 0xf000
    push 2
    push SEL_USER_CODE16
    push compatible16
    iretq
.back:
    see "from", qword [rsp]
    see "cs", qword [rsp + 8]
    see "sp", qword [rsp + 24]
    see "ss", qword [rsp + 32]
    mov rax, rsp
    see "rsp", rax
    inc ebx
    cmp ebx, 2
    mov esp, stack
    jb .after_same
    je .after_user
    cmp ebx, 3
    je .after_compatible
    int 0x42 ; on the stack of the IST
.over:
    mov rax, rsp
    see "rsp", rax
    mov eax, ss
    see "ss", rax
    done
    code 32
compatible:
    push dword 0x12345678
    int 0x41
    code 16
compatible16:
    push word 0x1234
    int 0x41
