/*
 * The guest's vector and mask registers stay in the CPU while the hypervisor runs.
 * To see one, its kind is saved to memory, which changes none of them.
 */
#include "decode/xsave.h"
#include "vmx/vmx.h"
#include "x86/cpu.h"

#include <string.h>

/* In the standard format (SDM Vol. 1, 13.4), whose first 512 bytes are as FXSAVE writes them. */
#define STATUS_OFFSET 2u
#define MM_OFFSET 32u
#define XMM_OFFSET 160u
#define REGISTER_STRIDE 16u
#define COMPONENT_YMM_HI128 2u
#define COMPONENT_OPMASK 5u
#define COMPONENT_ZMM_HI256 6u
#define COMPONENT_HI16_ZMM 7u
#define LOWER_REGISTERS 16u
#define MXCSR_INITIAL 0x1f80u

static uint8_t area[XSAVE_BYTES_MAX] __attribute__((aligned(64)));

/* XSAVE stores only what the guest has enabled in XCR0, and that need not be XMM: FXSAVE always has it. */
static void save_legacy(void)
{
    __asm__ volatile("fxsave64 %0" : "+m"(area));
}

/* NULL if the guest has not enabled the component: then its instructions do not have the registers. */
static const uint8_t *save_component(unsigned n)
{
    if (!(read_cr4() & CR4_OSXSAVE) || !(xgetbv(0) >> n & 1))
        return NULL;
    __asm__ volatile("xsave64 %0" : "+m"(area) : "a"(1u << n), "d"(0));
    return area + xsave_offset(xstate_layout(), 0, n);
}

static void copy_part(uint8_t *to, unsigned component, unsigned number, unsigned bytes)
{
    const uint8_t *from = save_component(component);
    if (from)
        memcpy(to, from + number * bytes, bytes);
}

/* MM registers are those of the x87 in their own order, the area has them from the top of the stack (SDM Vol.
 * 1, 10.5.1.1). */
static unsigned stack_place(unsigned number)
{
    unsigned top = area[STATUS_OFFSET + 1] >> 3 & 7;
    return (number - top) & 7;
}

static void vector_register(unsigned number, bool mmx, uint8_t *bytes)
{
    memset(bytes, 0, 64);
    if (mmx) {
        save_legacy();
        memcpy(bytes, area + MM_OFFSET + stack_place(number) * REGISTER_STRIDE, 8);
        return;
    }
    if (number >= LOWER_REGISTERS) {
        copy_part(bytes, COMPONENT_HI16_ZMM, number - LOWER_REGISTERS, 64);
        return;
    }
    save_legacy();
    memcpy(bytes, area + XMM_OFFSET + number * REGISTER_STRIDE, 16);
    copy_part(bytes + 16, COMPONENT_YMM_HI128, number, 16);
    copy_part(bytes + 32, COMPONENT_ZMM_HI256, number, 32);
}

static uint64_t opmask(unsigned number)
{
    uint64_t mask = 0;
    copy_part((uint8_t *)&mask, COMPONENT_OPMASK, number, sizeof mask);
    return mask;
}

/* XINUSE, where the CPU tells; SSE counts as in use by MXCSR as well (SDM Vol. 1, 13.6). */
static uint64_t components_in_use(void)
{
    uint32_t mxcsr;
    if (!(cpuid(0xd, 1).eax & 4))
        return ~0ull;
    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    return xgetbv(1) | (mxcsr != MXCSR_INITIAL ? XCR0_SSE : 0);
}

static bool read_memory(gva_t from, void *to, size_t bytes)
{
    struct paging_state paging;
    paging_state_load(&paging);
    return guest_read_linear(&paging, from, to, bytes) == bytes;
}

const struct insn_environment *vector_environment(void)
{
    static struct insn_environment e;
    e = (struct insn_environment){.vector_register = vector_register,
                                  .opmask = opmask,
                                  .components_in_use = components_in_use,
                                  .layout = xstate_layout(),
                                  .read = read_memory};
    return &e;
}
