/* engram analyse heatmap: which addresses are accessed when. */
#include "analyse/analysis.h"
#include "analyse/heatmap_grid.h"
#include "analyse/partial.h"
#include "analyse/pieces.h"
#include "analyse/svg.h"
#include "need.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_DEFAULT 160u
#define COLUMNS_MAX 4096u
#define ROWS_DEFAULT 64u
#define ROWS_MAX 4096u

struct heatmap {
    struct heatmap_grid grid;
    struct extent extent;
    uint64_t columns, rows;
    bool physical, is_set;
};

static void *create(void)
{
    struct heatmap *h = need_zeroed(1, sizeof(*h));
    h->columns = COLUMNS_DEFAULT;
    h->rows = ROWS_DEFAULT;
    h->physical = true;
    return h;
}

static void destroy(void *state)
{
    struct heatmap *h = state;
    heatmap_grid_free(&h->grid);
    free(h);
}

enum { OPT_COLUMNS = 256, OPT_ROWS, OPT_SPACE };
static const struct option options[] = {{"columns", required_argument, NULL, OPT_COLUMNS},
                                        {"rows", required_argument, NULL, OPT_ROWS},
                                        {"space", required_argument, NULL, OPT_SPACE},
                                        {0}};

static bool take_option(void *state, int option, const char *value)
{
    struct heatmap *h = state;
    if (option == OPT_COLUMNS)
        return parse_number(value, &h->columns) && h->columns && h->columns <= COLUMNS_MAX;
    if (option == OPT_ROWS)
        return parse_number(value, &h->rows) && h->rows && h->rows <= ROWS_MAX;
    return parse_space(value, &h->physical);
}

static const char *ready(void *state, const struct extent *extent)
{
    struct heatmap *h = state;
    h->extent = *extent;
    h->is_set = true;
    heatmap_grid_init(&h->grid, (unsigned)h->columns, extent->end_time - extent->first_time);
    return NULL;
}

static void on_access(void *state, const struct trace_item *item)
{
    struct heatmap *h = state;
    struct piece p[2];
    unsigned n = pieces_of(item, h->physical, p);
    uint64_t time = item_time(&h->extent, item);
    for (unsigned i = 0; i < n; i++)
        heatmap_grid_add(&h->grid, time, p[i].address, item->access.kind);
}

/* ---- the result ------------------------------------------------------------------ */

static uint64_t time_of(const struct heatmap *h, unsigned column)
{
    return h->extent.first_time + heatmap_grid_time(&h->grid, column);
}

static void text(void *state, FILE *out)
{
    struct heatmap *h = state;
    struct heatmap_rows r;
    static const char shade[] = " .:-=+*#%@";
    uint64_t high = 1;
    heatmap_rows_make(&r, &h->grid, (unsigned)h->rows);
    fprintf(out, "%s addresses from top to bottom, %s %s to %s from left to right, %s a column\n",
            h->physical ? "guest-physical" : "guest-virtual", extent_unit(&h->extent),
            grouped(h->extent.first_time), grouped(h->extent.end_time),
            grouped(heatmap_grid_time(&h->grid, 1)));
    unsigned columns = h->grid.columns, width = columns < 80 ? columns : 80;
    uint64_t *line = need_zeroed(width, sizeof(*line));
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < r.count; i++) {
            memset(line, 0, width * sizeof(*line));
            for (unsigned c = 0; c < columns; c++)
                line[c * width / columns] += r.row[i].cells[2 * c] + r.row[i].cells[2 * c + 1];
            for (unsigned c = 0; c < width; c++)
                high = pass == 0 && line[c] > high ? line[c] : high;
            if (pass == 0)
                continue;
            fprintf(out, "%16" PRIx64 " |", r.row[i].first);
            for (unsigned c = 0; c < width; c++) {
                unsigned level = 0;
                for (uint64_t n = line[c]; n && level < 9; level++)
                    n = n > high >> (9 - level) * 2 ? n : 0;
                fputc(shade[line[c] && !level ? 1 : level], out);
            }
            fprintf(out, "| %s\n", byte_size(r.row[i].last - r.row[i].first + 1));
        }
    }
    free(line);
    heatmap_rows_free(&r);
}

static void json(void *state, struct json *j)
{
    struct heatmap *h = state;
    struct heatmap_rows r;
    heatmap_rows_make(&r, &h->grid, (unsigned)h->rows);
    json_text(j, "space", h->physical ? "gpa" : "gva");
    json_text(j, "unit", extent_unit(&h->extent));
    json_list(j, "time");
    for (unsigned c = 0; c <= h->grid.columns; c++)
        json_number(j, NULL, time_of(h, c));
    json_end_list(j);
    json_list(j, "rows");
    for (unsigned i = 0; i < r.count; i++) {
        json_object(j, NULL);
        json_hex(j, "first", r.row[i].first);
        json_hex(j, "last", r.row[i].last);
        static const char *const name[] = {"reads", "writes"};
        for (unsigned kind = 0; kind < 2; kind++) {
            json_list(j, name[kind]);
            for (unsigned c = 0; c < h->grid.columns; c++)
                json_number(j, NULL, r.row[i].cells[2 * c + kind]);
            json_end_list(j);
        }
        json_end_object(j);
    }
    json_end_list(j);
    heatmap_rows_free(&r);
}

static void svg(void *state, FILE *out)
{
    struct heatmap *h = state;
    struct heatmap_rows r;
    heatmap_rows_make(&r, &h->grid, (unsigned)h->rows);
    uint64_t *cells = need_zeroed((size_t)r.count * h->grid.columns + 1, sizeof(*cells));
    char(*label)[32] = need_zeroed(r.count + 1, sizeof(*label));
    unsigned every = r.count > 40 ? r.count / 30 : 1;
    for (unsigned i = 0; i < r.count; i++) {
        for (unsigned c = 0; c < h->grid.columns; c++)
            cells[(size_t)i * h->grid.columns + c] = r.row[i].cells[2 * c] + r.row[i].cells[2 * c + 1];
        if (i % every == 0)
            snprintf(label[i], sizeof(label[i]), "%" PRIx64, r.row[i].first);
    }
    const struct svg_grid g = {.columns = h->grid.columns,
                               .rows = r.count,
                               .cells = cells,
                               .row_label = label,
                               .title = h->physical ? "Accesses by guest-physical address over time"
                                                    : "Accesses by guest-virtual address over time",
                               .x_name = extent_unit(&h->extent),
                               .first_x = h->extent.first_time,
                               .end_x = h->extent.end_time};
    svg_heatmap(out, &g);
    free(cells);
    free(label);
    heatmap_rows_free(&r);
}

/* ---- parts ---------------------------------------------------------------------- */

static void save(void *state, FILE *out)
{
    const struct heatmap *h = state;
    partial_put(out, h->physical);
    partial_put(out, h->columns);
    partial_put(out, h->extent.first_time);
    partial_put(out, h->extent.end_time);
    partial_put(out, h->extent.has_icount);
    heatmap_grid_save(&h->grid, out);
}

static bool merge(void *state, FILE *in)
{
    struct heatmap *h = state;
    uint64_t physical, columns, first, end, counted;
    if (!partial_get(in, &physical) || !partial_get(in, &columns) || !partial_get(in, &first) ||
        !partial_get(in, &end) || !partial_get(in, &counted) || columns == 0 || columns > COLUMNS_MAX ||
        end < first)
        return false;
    if (!h->is_set) {
        h->physical = physical;
        h->columns = columns;
        const struct extent extent = {.first_time = first, .end_time = end, .has_icount = counted};
        ready(h, &extent);
    }
    return physical == h->physical && columns == h->columns && first == h->extent.first_time &&
           end == h->extent.end_time && heatmap_grid_merge(&h->grid, in);
}

const struct analysis analysis_heatmap = {
    .name = "heatmap",
    .what = "which addresses are accessed when",
    .help = "Counts accesses in a grid of addresses and time (instructions where the trace counts them, else "
            "events).\n"
            "Rows are the parts of memory that are accessed at all; gaps between them are left out.\n\n"
            "  --columns N, --rows N      size of the grid (160 by at most 64)\n"
            "  --space gpa|gva            guest-physical (default) or guest-virtual addresses\n\n"
            "examples:\n"
            "  engram analyse heatmap trace.egrm\n"
            "  engram analyse heatmap --kind w --svg writes.svg trace.egrm\n"
            "  engram analyse heatmap --gpa 1000000+100000 --rows 256 --png detail.png trace.egrm\n",
    .options = options,
    .create = create,
    .destroy = destroy,
    .option = take_option,
    .ready = ready,
    .access = on_access,
    .text = text,
    .json = json,
    .svg = svg,
    .save = save,
    .merge = merge,
};
