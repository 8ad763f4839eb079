/*
 * The guest's vector registers stay in the CPU while the hypervisor runs. To
 * see one, its kind is saved to memory, which changes none of them.
 */
#include "vmx/vmx.h"

#include "x86/cpu.h"

#include <string.h>

/* The XSAVE area in its standard format (SDM Vol. 1, 13.4), whose first 512 bytes are as FXSAVE writes them:
 * MM and XMM there, upper halves of YMM at 576. */
#define AREA_BYTES 832u
#define MM_OFFSET 32u
#define XMM_OFFSET 160u
#define YMM_UPPER_OFFSET 576u
#define REGISTER_STRIDE 16u
#define VECTOR_REGISTERS 16u

static uint8_t area[AREA_BYTES] __attribute__((aligned(64)));

/* XSAVE stores only what the guest has enabled in XCR0, and that need not be XMM: FXSAVE always has it. */
static void save_legacy(void)
{
    __asm__ volatile("fxsave64 %0" : "+m"(area));
}

/* False if the guest has not enabled AVX: then its instructions have no upper halves. */
static bool save_ymm_upper(void)
{
    if (!(read_cr4() & CR4_OSXSAVE) || !(xgetbv(0) & XCR0_AVX))
        return false;
    __asm__ volatile("xsave64 %0" : "+m"(area) : "a"((uint32_t)XCR0_AVX), "d"(0));
    return true;
}

/* Masked stores that are followed end with YMM15 (the others are `inexact` in struct insn). */
void vector_register(unsigned number, bool mmx, uint8_t *bytes)
{
    memset(bytes, 0, 64);
    save_legacy();
    if (mmx) {
        memcpy(bytes, area + MM_OFFSET + (number % 8) * REGISTER_STRIDE, 8);
        return;
    }
    if (number >= VECTOR_REGISTERS)
        return;
    memcpy(bytes, area + XMM_OFFSET + number * REGISTER_STRIDE, 16);
    if (save_ymm_upper())
        memcpy(bytes + 16, area + YMM_UPPER_OFFSET + number * REGISTER_STRIDE, 16);
}
