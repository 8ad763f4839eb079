/* VMCALL: the core's, which is asked by way of the host (docs/hypercalls.md). To all other code there is no
 * VMX operation that could be left. */
#include "dbt/sys/parts.h"
#include "hypercall_numbers.h"

bool op_vmcall(struct dbt_cpu *c, const struct sys_insn *i)
{
    (void)i;
    return ((uint32_t)c->v.gpr[RAX] == HYPERCALL_MAGIC && dbt_hypercall(c)) || raise_ud(c);
}
