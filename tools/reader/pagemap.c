/* An open-addressing hash table; forgetting is a new generation, so a stream of TLB_FLUSH packets costs
 * nothing. */
#include "reader/pagemap.h"

#include <stdlib.h>

struct pagemap_entry {
    uint64_t virtual_page;
    uint64_t physical_page;
    uint64_t generation; /* 0: never used */
};

#define FIRST_CAPACITY 256u

void pagemap_free(struct pagemap *m)
{
    free(m->table);
    *m = (struct pagemap){0};
}

void pagemap_forget(struct pagemap *m)
{
    m->generation++;
    m->version++;
    m->used = 0;
}

static size_t slot_of(const struct pagemap *m, uint64_t page)
{
    /* Fibonacci hashing: consecutive pages spread over the table. */
    return (size_t)((page * 0x9e3779b97f4a7c15u) >> 20) & (m->capacity - 1);
}

/* The entry of a page, or the free one where it belongs. There always is a free one. */
static struct pagemap_entry *find(const struct pagemap *m, uint64_t page)
{
    size_t i = slot_of(m, page);
    while (m->table[i].generation == m->generation && m->table[i].virtual_page != page)
        i = (i + 1) & (m->capacity - 1);
    return &m->table[i];
}

static bool grow(struct pagemap *m)
{
    struct pagemap bigger = {.capacity = m->capacity ? 2 * m->capacity : FIRST_CAPACITY, .used = m->used};
    bigger.generation = m->generation ? m->generation : 1;
    bigger.version = m->version;
    bigger.table = calloc(bigger.capacity, sizeof(*bigger.table));
    if (!bigger.table)
        return false;
    for (size_t i = 0; i < m->capacity; i++)
        if (m->table[i].generation == m->generation)
            *find(&bigger, m->table[i].virtual_page) = m->table[i];
    free(m->table);
    *m = bigger;
    return true;
}

bool pagemap_set(struct pagemap *m, uint64_t virtual_page, uint64_t physical_page)
{
    if (4 * (m->used + 1) > 3 * m->capacity && !grow(m))
        return false;
    struct pagemap_entry *e = find(m, virtual_page);
    m->used += e->generation != m->generation;
    m->version++;
    *e = (struct pagemap_entry){virtual_page, physical_page, m->generation};
    return true;
}

bool pagemap_get(const struct pagemap *m, uint64_t virtual_page, uint64_t *physical_page)
{
    if (m->used == 0)
        return false;
    const struct pagemap_entry *e = find(m, virtual_page);
    *physical_page = e->physical_page;
    return e->generation == m->generation;
}
