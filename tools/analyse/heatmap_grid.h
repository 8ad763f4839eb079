/*
 * Counts by time and address in bounded memory: cells exist only where there are accesses, and when there are
 * too many their addresses are taken together two by two.
 */
#ifndef ENGRAM_HEATMAP_GRID_H
#define ENGRAM_HEATMAP_GRID_H

#include "table.h"

#include <stdio.h>

struct heatmap_grid {
    unsigned columns;
    unsigned shift;      /* a block is 2^shift bytes */
    uint64_t span;       /* of time */
    struct table blocks; /* block number to cells: struct heatmap_cells */
    uint64_t *cells;     /* [index of the block][column][kind] */
    size_t used, room;   /* blocks */
    /* The column of the access before: [from, until) of time. */
    unsigned column;
    uint64_t from, until;
};

void heatmap_grid_init(struct heatmap_grid *g, unsigned columns, uint64_t span);
void heatmap_grid_free(struct heatmap_grid *g);
void heatmap_grid_add(struct heatmap_grid *g, uint64_t time, uint64_t address, unsigned kind);
/* When a column begins. */
uint64_t heatmap_grid_time(const struct heatmap_grid *g, unsigned column);

void heatmap_grid_save(const struct heatmap_grid *g, FILE *out);
bool heatmap_grid_merge(struct heatmap_grid *g, FILE *in);

/* The grid in no more than so many rows, which cover equal numbers of blocks as far as gaps allow. */
struct heatmap_row {
    uint64_t first, last; /* addresses */
    uint64_t *cells;      /* [column][kind] */
};
struct heatmap_rows {
    struct heatmap_row *row;
    unsigned count;
    uint64_t *cells;
};
void heatmap_rows_make(struct heatmap_rows *r, const struct heatmap_grid *g, unsigned most);
void heatmap_rows_free(struct heatmap_rows *r);

#endif
