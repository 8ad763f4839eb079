/* Columns of time. */
#include "report/timeline.h"
#include "need.h"

#include <stdlib.h>
#include <string.h>

void timeline_init(struct timeline *t, const struct extent *extent)
{
    *t = (struct timeline){.extent = *extent};
}

static uint64_t span(const struct timeline *t)
{
    uint64_t n = t->extent.end_time - t->extent.first_time;
    return n ? n : 1;
}

/* When a column begins: column c holds the times t with t * columns / span = c. */
static uint64_t column_time(const struct timeline *t, unsigned column)
{
    return (uint64_t)(((__uint128_t)column * span(t) + TIMELINE_COLUMNS - 1) / TIMELINE_COLUMNS);
}

static void to_column(struct timeline *t, uint64_t time)
{
    t->now = time;
    if (time >= t->from && time < t->until)
        return;
    t->column = (unsigned)((__uint128_t)time * TIMELINE_COLUMNS / span(t));
    t->column = t->column < TIMELINE_COLUMNS ? t->column : TIMELINE_COLUMNS - 1;
    t->from = column_time(t, t->column);
    t->until = column_time(t, t->column + 1);
}

static void add_mark(struct timeline *t, const struct trace_item *item)
{
    if (t->mark_count == TIMELINE_MARKS_MAX) {
        t->more_marks++;
        return;
    }
    struct timeline_mark *m = &t->marks[t->mark_count++];
    size_t n = item->text_bytes < TIMELINE_TEXT_MAX ? item->text_bytes : TIMELINE_TEXT_MAX;
    m->time = t->now;
    memcpy(m->text, item->text, n);
    m->text[n] = 0;
}

void timeline_item(struct timeline *t, const struct trace_item *item)
{
    if (item->kind == ITEM_ACCESS) {
        to_column(t, item_time(&t->extent, item));
        t->accesses[t->column][is_user(&item->access)][item->access.kind]++;
    } else if (item->kind == ITEM_EVENT) {
        t->events[t->column]++;
    } else if (item->kind == ITEM_MARK) {
        add_mark(t, item);
    }
}

void timeline_json(const struct timeline *t, struct json *j)
{
    static const char *const name[2][2] = {{"kernel_reads", "kernel_writes"}, {"user_reads", "user_writes"}};
    json_object(j, "timeline");
    json_text(j, "unit", extent_unit(&t->extent));
    json_number(j, "first", t->extent.first_time);
    json_number(j, "end", t->extent.end_time);
    json_number(j, "columns", TIMELINE_COLUMNS);
    for (unsigned k = 0; k < 4; k++) {
        json_list(j, name[k / 2][k % 2]);
        for (unsigned c = 0; c < TIMELINE_COLUMNS; c++)
            json_number(j, NULL, t->accesses[c][k / 2][k % 2]);
        json_end_list(j);
    }
    json_list(j, "deliveries");
    for (unsigned c = 0; c < TIMELINE_COLUMNS; c++)
        json_number(j, NULL, t->events[c]);
    json_end_list(j);
    json_list(j, "marks");
    for (unsigned i = 0; i < t->mark_count; i++) {
        json_object(j, NULL);
        json_number(j, "time", t->extent.first_time + t->marks[i].time);
        json_text(j, "text", t->marks[i].text);
        json_end_object(j);
    }
    json_end_list(j);
    json_number(j, "more_marks", t->more_marks);
    json_end_object(j);
}
