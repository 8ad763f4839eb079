; Far CALL, JMP and RET at one level: of 32 and 16 bits, direct and indirect, and what they refuse.
%include "behaviour.inc"
    behaviour PROTECTED
    mov ebp, esp
    call SEL_CODE:.routine
    call far [.pointer]
    jmp SEL_CODE16:narrow
.back:
    sub ebp, esp
    see "esp", ebp
    push dword 1
    push dword 2
    push dword SEL_CODE
    push dword .released
    retf 8
.released:
    sub ebp, esp
    see "esp", ebp
    catch .null
    jmp 0:.null
.null:
    catch .data
    jmp SEL_DATA:.null
.data:
    catch .rpl
    jmp SEL_CODE + 3:.null
.rpl:
    catch .dpl
    jmp SEL_USER_CODE:.null
.dpl:
    catch .outside
    call 0x1000:.null
.outside:
    catch .limit
    descriptor SEL_FREE, 0, 0xfffff, ACCESS_CODE | ACCESS_32
    jmp SEL_FREE:.null
.limit:
    and byte [gdt + SEL_FREE + 5], ~0x80
    catch .not_present
    jmp SEL_FREE:0
.not_present:
    catch .inner
    push dword SEL_CODE - 8 + 1
    push dword 0
    retf
.inner:
    done
.routine:
    mov eax, cs
    inc ecx
    retf
.pointer:
    dd .routine
    dw SEL_CODE
    code 16
narrow:
    push word SEL_CODE16
    push word .there
    retf
.there:
    call SEL_CODE16:.routine
    call far [cs:.pointer]
    jmp dword SEL_CODE:behaviour_start.back
.routine:
    retf
.pointer:
    dw .routine, SEL_CODE16
