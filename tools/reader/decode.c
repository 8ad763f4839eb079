/* Accesses of a packed segment. Names and order follow docs/format.md. */
#include "reader/decode_state.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct decoder *decoder_new(void)
{
    struct decoder *d = calloc(1, sizeof(struct decoder));
    if (d)
        d->over = true;
    return d;
}

void decoder_free(struct decoder *d)
{
    if (!d)
        return;
    pagemap_free(&d->pages);
    free(d->sites);
    free(d);
}

bool decode_fail(struct decoder *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(d->result.error, sizeof(d->result.error), format, args);
    va_end(args);
    return false;
}

bool decode_room(struct decoder *d, uint64_t events)
{
    if (events <= d->limit - d->result.events)
        return true;
    return decode_fail(d, "more events than the header's %" PRIu64, d->limit);
}

/* The frame of a site's page; the one of its last access is at hand. */
static bool frame_of(struct decoder *d, struct site *site, uint64_t page, uint64_t *frame)
{
    if (site->page != page || site->map_version != d->pages.version) {
        if (!pagemap_get(&d->pages, page, &site->frame))
            return false;
        site->page = page;
        site->map_version = d->pages.version;
    }
    *frame = site->frame;
    return true;
}

/* Fills in the guest-physical side; a page without mapping is counted and left unknown. */
static void translate(struct decoder *d, struct site *site, struct trace_item *item)
{
    struct access *a = &item->access;
    uint64_t page = a->gva >> PAGE_BITS, frame = 0, frame2 = 0;
    item->gpa_known = frame_of(d, site, page, &frame);
    if (a->flags & ACCESS_CROSSES) {
        uint64_t next = (page + 1) & (UINT64_MAX >> PAGE_BITS);
        item->gpa_known = pagemap_get(&d->pages, next, &frame2) && item->gpa_known;
    }
    a->gpa = item->gpa_known ? (frame << PAGE_BITS) | (a->gva & (PAGE_BYTES - 1)) : 0;
    a->gpa2 = item->gpa_known ? frame2 << PAGE_BITS : 0;
    if (!item->gpa_known && d->result.no_gpa++ == 0)
        d->result.no_gpa_first = d->number;
}

/* One event of `site`, whose last address and data are already the event's own. */
static const struct trace_item *access_item(struct decoder *d, struct site *site, bool has_data)
{
    struct trace_item *item = &d->access_item;
    struct access *a = &item->access;
    item->number = d->number;
    a->rip = site->rip;
    a->gva = site->address;
    a->icount = d->icount;
    a->kind = site->kind;
    a->cause = site->cause;
    a->vector = site->vector;
    a->flags = site->flags;
    a->size = site->size;
    a->has_data = has_data;
    if (site->size <= 8) /* one load and one store */
        memcpy(a->data, site->data, 8);
    else
        memcpy(a->data, site->data, site->size);
    translate(d, site, item);
    d->number++;
    d->result.events++;
    return item;
}

/* What every access does to the states: its site's, the site's before it, the decoder's. */
static void advance(struct decoder *d, uint32_t id, uint64_t address)
{
    struct site *site = &d->sites[id];
    site->stride = address - site->address;
    site->address = address;
    if (d->last_site != NO_SITE)
        d->sites[d->last_site].successor = id;
    d->last_site = id;
    d->last_address = address;
}

static bool read_address(struct decoder *d, const struct site *site, unsigned form, uint64_t *address)
{
    struct cursor *c = &d->c;
    switch (form) {
    case ADDR_SAME:
        *address = site->address;
        break;
    case ADDR_STRIDE:
        *address = site->address + site->stride;
        break;
    case ADDR_SITE_DELTA:
        *address = site->address + cursor_zig(c);
        break;
    default:
        *address = d->last_address + cursor_zig(c);
        break;
    }
    return !c->bad || decode_fail(d, "access packet is cut off in its address");
}

static bool read_data(struct decoder *d, struct site *site, unsigned form)
{
    struct cursor *c = &d->c;
    const uint8_t *raw;
    switch (form) {
    case DATA_SAME:
        break;
    case DATA_ZERO:
        memset(site->data, 0, site->size);
        break;
    case DATA_DELTA:
        if (site->size != 1 && site->size != 2 && site->size != 4 && site->size != 8)
            return decode_fail(d, "data difference for a size of %u", site->size);
        store_le(site->data, load_le(site->data, site->size) + cursor_zig(c), site->size);
        break;
    default:
        raw = cursor_bytes(c, site->size);
        if (raw)
            memcpy(site->data, raw, site->size);
        break;
    }
    return !c->bad || decode_fail(d, "access packet is cut off in its data");
}

static const struct trace_item *read_access(struct decoder *d)
{
    struct cursor *c = &d->c;
    uint8_t head = cursor_u8(c);
    unsigned address_form = (head >> ACCESS_ADDR_SHIFT) & 3, data_form = (head >> ACCESS_DATA_SHIFT) & 3;
    bool no_data = head & ACCESS_NO_DATA, ok;
    if ((head & ACCESS_ICOUNT_STEP) && !d->has_icount)
        return decode_fail(
                   d, "access packet %02x has an instruction count, and SYNC says that there are none", head),
               NULL;
    if (no_data && data_form != DATA_SAME)
        return decode_fail(d, "access packet %02x is without data and yet has some", head), NULL;

    uint64_t id = NO_SITE;
    if (head & ACCESS_SITE_EXPLICIT)
        id = cursor_leb(c);
    else if (d->last_site != NO_SITE)
        id = d->sites[d->last_site].successor;
    if (c->bad)
        return decode_fail(d, "access packet is cut off in its site"), NULL;
    if (id == NO_SITE && !(head & ACCESS_SITE_EXPLICIT))
        return decode_fail(d, "access packet names no site and none is known to follow the one before"), NULL;
    struct site *site = site_by_id(d, id);
    if (!site)
        return decode_fail(d, "access of site %" PRIu64 ", which is not defined", id), NULL;

    uint64_t address;
    ok = read_address(d, site, address_form, &address) && (no_data || read_data(d, site, data_form));
    if (!ok)
        return NULL;
    if (head & ACCESS_ICOUNT_STEP) {
        site->icount_step = cursor_leb(c);
        if (c->bad)
            return decode_fail(d, "access packet is cut off in its instruction count"), NULL;
    }
    if (d->has_icount)
        d->icount += site->icount_step;
    if (!decode_room(d, 1))
        return NULL;
    advance(d, (uint32_t)id, address);
    return access_item(d, site, !no_data);
}

static const struct trace_item *run_next(struct decoder *d)
{
    struct run *run = &d->run;
    struct run_side *side = &run->side[run->second];
    struct site *site = &d->sites[side->id];
    memcpy(site->data, side->data, site->size);
    advance(d, side->id, side->address);
    side->address += run->step;
    if (side->differ)
        side->data += site->size;
    run->second = run->pair && !run->second;
    run->left--;
    return access_item(d, site, true);
}

/* What SYNC and CONTEXT say, where every access finds it. */
static void keep_context(struct decoder *d)
{
    struct trace_item *item = &d->access_item;
    item->kind = ITEM_ACCESS;
    item->icount_known = d->has_icount;
    item->access.cr3 = d->cr3;
    item->access.context = d->context;
}

static const struct trace_item *control_item(struct decoder *d)
{
    struct trace_item *item = &d->other_item;
    item->number = d->number;
    if (item->kind == ITEM_CONTEXT)
        keep_context(d);
    return item;
}

void decode_begin(struct decoder *d, const uint8_t *body, size_t bytes, uint64_t first_event,
                  uint64_t event_count)
{
    d->c = (struct cursor){.at = body, .end = body + bytes};
    d->body = body;
    d->result = (struct decode_result){0};
    d->segment++;
    pagemap_forget(&d->pages);
    d->number = first_event;
    d->limit = event_count;
    d->last_address = d->site_rip = d->icount = d->cr3 = 0;
    d->last_site = NO_SITE;
    d->context = 0;
    d->has_icount = false;
    d->run.left = 0;
    d->over = bytes == 0 || body[0] != PACKET_SYNC;
    if (d->over)
        decode_fail(d, "the first packet is no SYNC");
}

static const struct trace_item *end_of_body(struct decoder *d)
{
    d->over = true;
    d->result.at = (uint32_t)(d->c.end - d->body);
    if (d->result.events != d->limit)
        decode_fail(d, "the header says %" PRIu64 " events, the packets hold %" PRIu64, d->limit,
                    d->result.events);
    return NULL;
}

const struct trace_item *decode_next(struct decoder *d)
{
    if (d->run.left)
        return run_next(d);
    while (!d->over) {
        if (d->c.at == d->c.end)
            return end_of_body(d);
        d->result.at = (uint32_t)(d->c.at - d->body);
        if (*d->c.at & PACKET_ACCESS) {
            const struct trace_item *item = read_access(d);
            d->over = !item;
            return item;
        }
        switch (decode_control(d, d->c.at == d->body)) {
        case CONTROL_ITEM:
            return control_item(d);
        case CONTROL_RUN:
            return run_next(d);
        case CONTROL_SILENT:
            break;
        case CONTROL_BAD:
            d->over = true;
            break;
        }
    }
    return NULL;
}

const struct decode_result *decode_result(const struct decoder *d)
{
    return &d->result;
}

bool decode_segment(struct decoder *d, const uint8_t *body, size_t bytes, uint64_t first_event,
                    uint64_t event_count, item_fn item, void *ctx, struct decode_result *result)
{
    const struct trace_item *next;
    decode_begin(d, body, bytes, first_event, event_count);
    while (!d->result.stopped && (next = decode_next(d)))
        d->result.stopped = item && !item(ctx, next);
    *result = d->result;
    return d->result.error[0] == 0;
}
