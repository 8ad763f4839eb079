/*
 * The guest's vector registers stay in the CPU while the hypervisor runs. To
 * see one, all are saved to memory, which changes none of them.
 */
#include "vmx/vmx.h"

#include "x86/cpu.h"

#include <string.h>

/* The standard format of the XSAVE area (SDM Vol. 1, 13.4): MM and XMM as FXSAVE has them, upper YMM at 576.
 */
#define AREA_BYTES 832u
#define MM_OFFSET 32u
#define XMM_OFFSET 160u
#define YMM_UPPER_OFFSET 576u
#define REGISTER_STRIDE 16u
#define X87_SSE_AVX 7u

void vector_register(unsigned number, bool mmx, uint8_t *bytes)
{
    static uint8_t area[AREA_BYTES] __attribute__((aligned(64)));
    bool has_xsave = read_cr4() & CR4_OSXSAVE;

    memset(area, 0, sizeof area);
    if (has_xsave)
        __asm__ volatile("xsave64 %0" : "+m"(area) : "a"(X87_SSE_AVX), "d"(0));
    else
        __asm__ volatile("fxsave64 %0" : "+m"(area));
    memset(bytes, 0, 64);
    if (mmx) {
        memcpy(bytes, area + MM_OFFSET + (number % 8) * REGISTER_STRIDE, 8);
    } else if (number < 16) {
        memcpy(bytes, area + XMM_OFFSET + number * REGISTER_STRIDE, 16);
        memcpy(bytes + 16, area + YMM_UPPER_OFFSET + number * REGISTER_STRIDE, 16);
    }
}
