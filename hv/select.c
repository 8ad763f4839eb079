#include "select.h"

#include "console.h"

static const struct engine *chosen(const struct engine *engine, const char *reason)
{
    printk("engram: engine %s: %s\n", engine->name, reason);
    return engine;
}

/* VMX sees every write of every guest at the cost of exits; where it is missing, translation does the same.
 */
static const struct engine *select_auto(char *reason, size_t size)
{
    static char no_vmx[200], why[200];
    if (vmx_engine.probe(reason, size))
        return chosen(&vmx_engine, reason);
    format_text(no_vmx, sizeof no_vmx, "%s", reason);
    if (!dbt_engine.probe(why, sizeof why))
        panic("no engine can run here: VMX: %s; DBT: %s", no_vmx, why);
    format_text(reason, size, "%s; VMX cannot be used: %s", why, no_vmx);
    return chosen(&dbt_engine, reason);
}

const struct engine *select_engine(enum engine_choice choice, char *reason, size_t size)
{
    if (choice == ENGINE_AUTO)
        return select_auto(reason, size);
    const struct engine *engine = choice == ENGINE_DBT ? &dbt_engine : &vmx_engine;
    if (!engine->probe(reason, size))
        panic("engine=%s: %s", engine->name, reason);
    return chosen(engine, reason);
}
