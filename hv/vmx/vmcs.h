/* Access to the current VMCS. A field that cannot be read or written is a bug: panic() names it and the
 * caller. */
#ifndef ENGRAM_VMX_VMCS_H
#define ENGRAM_VMX_VMCS_H

#include "types.h"
#include "x86/vmx.h"

/* `numbered`: the error number is this instruction's, if there is a current VMCS to hold one. */
_Noreturn __attribute__((cold)) void vmx_instruction_failed(const char *what, uint64_t operand,
                                                            const char *caller, bool numbered);

/* One jump for both ways to fail (CF: no current VMCS, ZF: error number), as these stand on the path of every
 * exit. */
static inline uint64_t vmread_named(enum vmcs_field field, const char *caller)
{
    uint64_t value;
    __asm__ goto("vmread %1, %0\n\tjbe %l[failed]" : "=r"(value) : "r"((uint64_t)field) : "cc" : failed);
    return value;
failed:
    vmx_instruction_failed("vmread of VMCS field", field, caller, true);
}

static inline void vmwrite_named(enum vmcs_field field, uint64_t value, const char *caller)
{
    __asm__ goto("vmwrite %1, %0\n\tjbe %l[failed]"
                 :
                 : "r"((uint64_t)field), "r"(value)
                 : "cc", "memory"
                 : failed);
    return;
failed:
    vmx_instruction_failed("vmwrite of VMCS field", field, caller, true);
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
