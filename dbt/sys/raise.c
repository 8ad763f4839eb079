#include "dbt/sys/parts.h"

bool dbt_raise(struct dbt_cpu *c, uint8_t vector)
{
    c->fault = (struct dbt_fault){.vector = vector};
    return false;
}

bool dbt_raise_error(struct dbt_cpu *c, uint8_t vector, uint32_t error)
{
    c->fault = (struct dbt_fault){.vector = vector, .has_error = true, .error = error};
    return false;
}

bool dbt_raise_page_fault(struct dbt_cpu *c, gva_t address, uint32_t error)
{
    c->fault = (struct dbt_fault){.vector = VECTOR_PF, .has_error = true, .error = error, .address = address};
    return false;
}

bool dbt_stop_unsupported(struct dbt_cpu *c, const char *text)
{
    c->stop = DBT_UNSUPPORTED;
    c->stop_text = text;
    return false;
}

bool raise_selector(struct dbt_cpu *c, uint8_t vector, uint16_t selector)
{
    return dbt_raise_error(c, vector, (selector & ~SELECTOR_RPL) | c->event_external);
}

bool raise_gp(struct dbt_cpu *c)
{
    return raise_selector(c, VECTOR_GP, 0);
}

bool raise_ud(struct dbt_cpu *c)
{
    return dbt_raise(c, VECTOR_UD);
}
