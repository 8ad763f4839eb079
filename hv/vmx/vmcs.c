#include "vmx/vmcs.h"

#include "console.h"

/* The error number (SDM Vol. 3C, 31.4) lies in the VMCS: without a current one VMREAD fails too, and leaves
 * 0. */
void vmx_instruction_failed(const char *what, uint64_t operand, const char *caller, bool numbered)
{
    uint64_t error = 0;
    if (numbered)
        __asm__ volatile("vmread %1, %0" : "+r"(error) : "r"((uint64_t)VMCS_INSTRUCTION_ERROR) : "cc");
    panic("%s 0x%lx failed in %s (VM-instruction error %lu); please report this CPU's model", what,
          (unsigned long)operand, caller, (unsigned long)error);
}

#define VMX_POINTER_INSTRUCTION(name)                                                                        \
    void name(hpa_t p)                                                                                       \
    {                                                                                                        \
        bool carry, zero;                                                                                    \
        __asm__ volatile(#name " %2" : "=@ccc"(carry), "=@ccz"(zero) : "m"(p) : "memory");                   \
        if (carry || zero)                                                                                   \
            vmx_instruction_failed(#name " of", p, __func__, zero);                                          \
    }
VMX_POINTER_INSTRUCTION(vmxon)
VMX_POINTER_INSTRUCTION(vmclear)
VMX_POINTER_INSTRUCTION(vmptrld)

void vmxoff(void)
{
    __asm__ volatile("vmxoff" ::: "cc", "memory");
}

struct invalidation {
    uint64_t first, second;
};

/* Type 2 invalidates everything (SDM Vol. 3C, INVEPT and INVVPID). */
#define INVALIDATE_ALL 2ull

void invept_all(void)
{
    struct invalidation d = {0, 0};
    bool carry, zero;
    __asm__ volatile("invept %2, %3"
                     : "=@ccc"(carry), "=@ccz"(zero)
                     : "m"(d), "r"(INVALIDATE_ALL)
                     : "memory");
    if (carry || zero)
        vmx_instruction_failed("invept type", INVALIDATE_ALL, __func__, zero);
}

void invvpid_all(void)
{
    struct invalidation d = {0, 0};
    bool carry, zero;
    __asm__ volatile("invvpid %2, %3"
                     : "=@ccc"(carry), "=@ccz"(zero)
                     : "m"(d), "r"(INVALIDATE_ALL)
                     : "memory");
    if (carry || zero)
        vmx_instruction_failed("invvpid type", INVALIDATE_ALL, __func__, zero);
}
