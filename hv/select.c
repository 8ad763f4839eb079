#include "select.h"

#include "console.h"

const struct engine *select_engine(enum engine_choice choice, char *reason, size_t size)
{
    if (choice == ENGINE_DBT)
        panic("engine=dbt: the DBT engine is not part of this version; use engine=vmx on a machine with VMX");
    if (!vmx_engine.probe(reason, size)) {
        if (choice == ENGINE_VMX)
            panic("engine=vmx: %s", reason);
        panic("VMX cannot be used: %s; the DBT engine, which needs no VMX, is not part of this version", reason);
    }
    printk("engram: engine %s: %s\n", vmx_engine.name, reason);
    return &vmx_engine;
}
