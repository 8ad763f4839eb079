/* Plots as SVG, each a whole document that follows the viewer's light or dark scheme. */
#ifndef ENGRAM_SVG_H
#define ENGRAM_SVG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SVG_PARTS_MAX 4u

/* Horizontal bars, each of `parts` numbers one behind the other. */
struct svg_bar {
    char label[64];
    uint64_t part[SVG_PARTS_MAX];
};
void svg_bars(FILE *out, const char *title, const char *unit, const struct svg_bar *bars, size_t n,
              const char *const *part_names, unsigned parts);

/* Upright columns with a label below each. */
void svg_columns(FILE *out, const char *title, const char *x_name, const char *unit,
                 const struct svg_bar *columns, size_t n, const char *const *part_names, unsigned parts);

/* Lines over [first_x, end_x), each through n numbers. */
struct svg_line {
    const char *name;
    const uint64_t *y;
};
void svg_lines(FILE *out, const char *title, const char *x_name, uint64_t first_x, uint64_t end_x,
               const char *y_name, const struct svg_line *lines, unsigned count, size_t n);

/* A grid of counts, brighter for more; rows from the top. */
struct svg_grid {
    size_t columns, rows;
    const uint64_t *cells; /* [row * columns + column] */
    char (*row_label)[32]; /* empty: none */
    const char *title, *x_name;
    uint64_t first_x, end_x;
};
void svg_heatmap(FILE *out, const struct svg_grid *g);

#endif
