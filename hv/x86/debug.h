/* Debug registers (SDM Vol. 3B, 17.2). */
#ifndef ENGRAM_X86_DEBUG_H
#define ENGRAM_X86_DEBUG_H

#include <stdint.h>

#define DR6_BREAKPOINTS 0x0full
#define DR6_BD (1ull << 13)
#define DR6_BS (1ull << 14)
#define DR6_BT (1ull << 15)
#define DR6_RTM (1ull << 16)     /* 0 means a debug exception in a transaction */
#define DEBUGCTL_LBR (1ull << 0) /* IA32_DEBUGCTL */
#define DEBUGCTL_BTF (1ull << 1) /* TF traps after branches only */
#define DR7_ENABLES 0xffull
#define DR7_FIXED_1 (1ull << 10)
#define DR7_GD (1ull << 13)
#define DR7_GLOBAL(n) (2ull << (2 * (n)))
#define DR7_BOTH(n) (3ull << (2 * (n)))
#define DR7_TYPE_MASK(n) (15ull << (16 + 4 * (n))) /* R/W and LEN; 0 is an instruction breakpoint */

#define DEFINE_DR(n)                                                                                         \
    static inline uint64_t read_dr##n(void)                                                                  \
    {                                                                                                        \
        uint64_t v;                                                                                          \
        __asm__ volatile("mov %%dr" #n ", %0" : "=r"(v));                                                    \
        return v;                                                                                            \
    }                                                                                                        \
    static inline void write_dr##n(uint64_t v)                                                               \
    {                                                                                                        \
        __asm__ volatile("mov %0, %%dr" #n ::"r"(v));                                                        \
    }
DEFINE_DR(0)
DEFINE_DR(1)
DEFINE_DR(2)
DEFINE_DR(3)
DEFINE_DR(6)

#endif
