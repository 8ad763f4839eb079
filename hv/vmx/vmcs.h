/* Access to the current VMCS. A field that cannot be read or written is a bug: panic() names it and the
 * caller. */
#ifndef ENGRAM_VMX_VMCS_H
#define ENGRAM_VMX_VMCS_H

#include "types.h"
#include "x86/vmx.h"

_Noreturn void vmx_instruction_failed(const char *what, uint64_t operand, const char *caller, bool valid);

static inline uint64_t vmread_named(enum vmcs_field field, const char *caller)
{
    uint64_t value;
    bool carry, zero;
    __asm__ volatile("vmread %3, %0" : "=rm"(value), "=@ccc"(carry), "=@ccz"(zero) : "r"((uint64_t)field));
    if (__builtin_expect(carry || zero, 0))
        vmx_instruction_failed("vmread of VMCS field", field, caller, zero);
    return value;
}

static inline void vmwrite_named(enum vmcs_field field, uint64_t value, const char *caller)
{
    bool carry, zero;
    __asm__ volatile("vmwrite %3, %2"
                     : "=@ccc"(carry), "=@ccz"(zero)
                     : "r"((uint64_t)field), "rm"(value)
                     : "memory");
    if (__builtin_expect(carry || zero, 0))
        vmx_instruction_failed("vmwrite of VMCS field", field, caller, zero);
}

#define vmread(field) vmread_named(field, __func__)
#define vmwrite(field, value) vmwrite_named(field, value, __func__)

/* Fields that come once per segment register or PDPTE. */
#define vmread_nth(first, n) vmread_named((enum vmcs_field)((first) + 2 * (unsigned)(n)), __func__)
#define vmwrite_nth(first, n, value)                                                                         \
    vmwrite_named((enum vmcs_field)((first) + 2 * (unsigned)(n)), value, __func__)

void vmxon(hpa_t region);
void vmxoff(void);
void vmclear(hpa_t vmcs);
void vmptrld(hpa_t vmcs);
void invept_all(void);
void invvpid_all(void);

#endif
