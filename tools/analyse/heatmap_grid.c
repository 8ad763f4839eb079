/* A sparse grid that coarsens itself. */
#include "analyse/heatmap_grid.h"
#include "analyse/partial.h"
#include "need.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SHIFT 12u /* pages */
#define CELLS_MAX (2u << 20)
#define BLOCKS_MIN 1024u

static size_t block_cells(const struct heatmap_grid *g)
{
    return 2 * (size_t)g->columns;
}

static size_t blocks_max(const struct heatmap_grid *g)
{
    size_t most = CELLS_MAX / block_cells(g);
    return most > BLOCKS_MIN ? most : BLOCKS_MIN;
}

void heatmap_grid_init(struct heatmap_grid *g, unsigned columns, uint64_t span)
{
    *g = (struct heatmap_grid){.columns = columns, .shift = FIRST_SHIFT, .span = span ? span : 1};
    table_init(&g->blocks, sizeof(size_t));
}

void heatmap_grid_free(struct heatmap_grid *g)
{
    table_free(&g->blocks);
    free(g->cells);
    g->cells = NULL;
}

static uint64_t *block(struct heatmap_grid *g, uint64_t number)
{
    size_t before = g->blocks.count, *index = table_get(&g->blocks, number);
    if (g->blocks.count != before) {
        if (g->used == g->room) {
            g->room = g->room ? 2 * g->room : 64;
            g->cells = need_resized(g->cells, g->room, block_cells(g) * sizeof(*g->cells));
        }
        memset(g->cells + g->used * block_cells(g), 0, block_cells(g) * sizeof(*g->cells));
        *index = g->used++;
    }
    return g->cells + *index * block_cells(g);
}

/* Blocks of twice the size. */
static void coarsen(struct heatmap_grid *g)
{
    struct heatmap_grid old = *g;
    table_init(&g->blocks, sizeof(size_t));
    g->cells = NULL;
    g->used = g->room = 0;
    g->shift++;
    for (size_t i = 0; table_next(&old.blocks, &i); i++) {
        const uint64_t *from = old.cells + *(size_t *)table_value(&old.blocks, i) * block_cells(g);
        uint64_t *to = block(g, old.blocks.keys[i] >> 1);
        for (size_t k = 0; k < block_cells(g); k++)
            to[k] += from[k];
    }
    heatmap_grid_free(&old);
}

/* As column_of() has it: column c holds the times t with t * columns / span = c. */
uint64_t heatmap_grid_time(const struct heatmap_grid *g, unsigned column)
{
    return (uint64_t)(((__uint128_t)column * g->span + g->columns - 1) / g->columns);
}

static unsigned column_of(const struct heatmap_grid *g, uint64_t time)
{
    if (time >= g->span)
        return g->columns - 1;
    return (unsigned)((__uint128_t)time * g->columns / g->span);
}

void heatmap_grid_add(struct heatmap_grid *g, uint64_t time, uint64_t address, unsigned kind)
{
    if (time < g->from || time >= g->until) {
        g->column = column_of(g, time);
        g->from = heatmap_grid_time(g, g->column);
        g->until = heatmap_grid_time(g, g->column + 1);
    }
    block(g, address >> g->shift)[2 * g->column + kind]++;
    while (g->used > blocks_max(g))
        coarsen(g);
}

void heatmap_grid_save(const struct heatmap_grid *g, FILE *out)
{
    partial_put(out, g->shift);
    partial_put(out, g->blocks.count);
    for (size_t i = 0; table_next(&g->blocks, &i); i++) {
        const uint64_t *cells = g->cells + *(size_t *)table_value(&g->blocks, i) * block_cells(g);
        partial_put(out, g->blocks.keys[i]);
        for (size_t k = 0; k < block_cells(g); k++)
            partial_put(out, cells[k]);
    }
}

bool heatmap_grid_merge(struct heatmap_grid *g, FILE *in)
{
    uint64_t shift, count, number, n;
    if (!partial_get(in, &shift) || !partial_get(in, &count) || shift > 63 || shift < FIRST_SHIFT)
        return false;
    while (g->shift < shift)
        coarsen(g);
    for (; count; count--) {
        if (!partial_get(in, &number))
            return false;
        uint64_t *cells = block(g, number >> (g->shift - shift));
        for (size_t k = 0; k < block_cells(g); k++) {
            if (!partial_get(in, &n))
                return false;
            cells[k] += n;
        }
        while (g->used > blocks_max(g))
            coarsen(g);
    }
    return true;
}

/* How many rows there are when each covers 2^shift bytes, aligned. */
static size_t rows_needed(const struct heatmap_grid *g, const size_t *order, unsigned shift)
{
    size_t rows = 0;
    for (size_t i = 0; i < g->blocks.count; i++)
        rows += i == 0 || g->blocks.keys[order[i]] >> shift != g->blocks.keys[order[i - 1]] >> shift;
    return rows;
}

void heatmap_rows_make(struct heatmap_rows *r, const struct heatmap_grid *g, unsigned most)
{
    size_t *order = table_sorted(&g->blocks), cells = block_cells(g);
    unsigned shift = 0;
    while (rows_needed(g, order, shift) > most)
        shift++;
    size_t rows = rows_needed(g, order, shift);
    *r = (struct heatmap_rows){.row = need_zeroed(rows + 1, sizeof(*r->row)),
                               .cells = need_zeroed(rows * cells + 1, sizeof(*r->cells))};
    for (size_t i = 0; i < g->blocks.count; i++) {
        uint64_t number = g->blocks.keys[order[i]] >> shift, bytes = UINT64_C(1) << (g->shift + shift);
        const uint64_t *from = g->cells + *(size_t *)table_value(&g->blocks, order[i]) * cells;
        if (r->count == 0 || r->row[r->count - 1].first != number << (g->shift + shift)) {
            r->row[r->count] = (struct heatmap_row){number << (g->shift + shift),
                                                    (number << (g->shift + shift)) + (bytes - 1),
                                                    r->cells + r->count * cells};
            r->count++;
        }
        for (size_t k = 0; k < cells; k++)
            r->row[r->count - 1].cells[k] += from[k];
    }
    free(order);
}

void heatmap_rows_free(struct heatmap_rows *r)
{
    free(r->row);
    free(r->cells);
}
