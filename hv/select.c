#include "select.h"

#include "console.h"

static const struct engine *chosen(const struct engine *engine, const char *reason)
{
    printk("engram: engine %s: %s\n", engine->name, reason);
    return engine;
}

static const struct engine *only(const struct engine *engine, char *reason, size_t size)
{
    if (!engine->probe(reason, size))
        panic("engine=%s: %s", engine->name, reason);
    return chosen(engine, reason);
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

/* Which walks a CPU makes is its TLB's secret. */
static const struct engine *select_for_walks(const struct options *o, char *reason, size_t size)
{
    if (o->engine == ENGINE_VMX)
        panic("walk-reads=on: under VMX page walks are the CPU's own and their reads cannot be seen; take "
              "engine=dbt or leave walk-reads=on out");
    return only(&dbt_engine, reason, size);
}

const struct engine *select_engine(const struct options *o, char *reason, size_t size)
{
    if (o->record & RECORD_WALK_READS)
        return select_for_walks(o, reason, size);
    if (o->engine == ENGINE_AUTO)
        return select_auto(reason, size);
    return only(o->engine == ENGINE_DBT ? &dbt_engine : &vmx_engine, reason, size);
}
