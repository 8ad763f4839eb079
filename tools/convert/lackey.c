/*
 * What `valgrind --tool=lackey --trace-mem=yes` prints: " L address,size" for a load, " S" for a store, " M"
 * for an instruction that loads and then stores the same bytes. Readers take "I" lines for instructions, of
 * which a trace has none.
 */
#include "convert/converter.h"
#include "emit.h"

struct lackey {
    struct trace_item load; /* not written yet: a store may follow */
    bool pending;
};

static bool put(struct conversion *c, char letter, const struct trace_item *item)
{
    const struct access *a = &item->access;
    char line[64] = {' ', letter, ' '}, *p = line + 3;
    uint64_t address = c->physical ? a->gpa : a->gva;
    p = emit_hex_digits(p, address, address >> 32 ? address >> 48 ? 16 : 12 : 8);
    p = emit_text(emit_decimal(emit_text(p, ","), a->size), "\n");
    c->changed += c->physical && (a->flags & ACCESS_CROSSES);
    return convert_write(c, line, (size_t)(p - line));
}

static bool flush(struct lackey *l, struct conversion *c)
{
    bool pending = l->pending;
    l->pending = false;
    return !pending || put(c, 'L', &l->load);
}

static bool modifies(const struct lackey *l, const struct trace_item *store)
{
    const struct access *a = &l->load.access, *b = &store->access;
    return l->pending && a->gva == b->gva && a->size == b->size && a->rip == b->rip &&
           a->icount == b->icount && l->load.number + 1 == store->number && !(b->flags & ACCESS_REP);
}

static bool on_access(void *state, struct conversion *c, const struct trace_item *item)
{
    struct lackey *l = state;
    if (item->access.kind == ACCESS_WRITE && modifies(l, item)) {
        l->pending = false;
        return put(c, 'M', item);
    }
    if (!flush(l, c))
        return false;
    if (item->access.kind == ACCESS_WRITE)
        return put(c, 'S', item);
    l->load = *item;
    l->pending = true;
    return true;
}

static bool end(void *state, struct conversion *c)
{
    return flush(state, c);
}

const struct converter convert_lackey = {
    .name = "lackey",
    .what = "what Valgrind's lackey prints of memory: L, S and M lines",
    .lacks = "instructions, data, privilege levels, causes",
    .one_address = true,
    .state_bytes = sizeof(struct lackey),
    .access = on_access,
    .end = end,
};
