; SSE loads and stores: MOVAPS misaligned is #GP, MOVUPS may cross a page; what faults changes no register.
%include "behaviour.inc"
    behaviour LONG64
    mov esi, WINDOW
    mov rax, 0x1111222233334444
    movq xmm1, rax
    catch .load
    movaps xmm1, [rsi + 8]
.load:
    catch .store
    movaps [rsi + 4], xmm1
.store:
    catch .operand
    paddd xmm1, [rsi + 1]
.operand:
    mov dword [PTE64(WINDOW + PAGE)], 0
    catch .crossing
    movups xmm1, [rsi + PAGE - 15]
.crossing:
    catch .crossing_store
    movups [rsi + PAGE - 1], xmm1
.crossing_store:
    movq rax, xmm1
    see "xmm1", rax
    movups [rsi + PAGE - 16], xmm1
    see_memory "memory", WINDOW + PAGE - 16, 4
    done
