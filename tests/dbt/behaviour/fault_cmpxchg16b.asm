; CMPXCHG16B wants its operand aligned (#GP), and writes where it does not match (SDM Vol. 2A).
%include "behaviour.inc"
    behaviour LONG64
    mov rsi, WINDOW + 8
    catch .misaligned
    lock cmpxchg16b [rsi]
.misaligned:
    mov rsi, WINDOW
    mov qword [rsi], 5
    mov qword [rsi + 8], 6
    mov eax, 1
    mov edx, 2
    mov ebx, 7
    mov ecx, 8
    lock cmpxchg16b [rsi]
    see "rax", rax
    see "rdx", rdx
    see_flags "not equal", FLAG_ZF
    lock cmpxchg16b [rsi]
    see_flags "equal", FLAG_ZF
    see_memory "memory", WINDOW, 4
    mov dword [PTE64(WINDOW)], FRAME(0) + PTE_P
    invlpg [rsi]
    catch .read_only
    lock cmpxchg16b [rsi]
.read_only:
    done
