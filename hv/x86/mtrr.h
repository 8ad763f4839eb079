/* Memory type range registers (SDM Vol. 3A, 11.11). */
#ifndef ENGRAM_X86_MTRR_H
#define ENGRAM_X86_MTRR_H

#define IA32_MTRRCAP 0xfeu
#define MTRRCAP_VCNT_MASK 0xffull
#define MTRRCAP_FIX (1ull << 8)
#define IA32_MTRR_PHYSBASE(n) (0x200u + 2 * (n))
#define IA32_MTRR_PHYSMASK(n) (0x201u + 2 * (n))
#define MTRR_PHYSMASK_VALID (1ull << 11)
#define IA32_MTRR_FIX64K_00000 0x250u
#define IA32_MTRR_FIX16K_80000 0x258u
#define IA32_MTRR_FIX16K_A0000 0x259u
#define IA32_MTRR_FIX4K_C0000 0x268u /* eight of them */
#define IA32_MTRR_DEF_TYPE 0x2ffu
#define MTRR_DEF_TYPE_FE (1ull << 10)
#define MTRR_DEF_TYPE_E (1ull << 11)

enum memory_cache_type { CACHE_UC = 0, CACHE_WC = 1, CACHE_WT = 4, CACHE_WP = 5, CACHE_WB = 6 };

#endif
