/* Lines for people, JSON for programs, a bare list for comparing with other tracers. */
#include "show/print_item.h"
#include "command.h"
#include "reader/cursor.h"
#include "text.h"

#include <inttypes.h>

static const char *const flag_name[] = {"mmio", "locked", "rep", "crosses"};
#define FLAGS (sizeof(flag_name) / sizeof(flag_name[0]))

static bool has_vector(const struct access *a)
{
    return a->cause == CAUSE_EXCEPTION || a->cause == CAUSE_INTERRUPT;
}

static void put_bytes(FILE *out, const struct access *a)
{
    for (unsigned i = 0; i < a->size; i++)
        fprintf(out, "%02x", a->data[i]);
}

/* Up to 8 bytes as the number they are, wider ones as bytes in memory order. */
static void put_data(FILE *out, const struct access *a)
{
    if (!a->has_data)
        fputc('-', out);
    else if (a->size <= 8)
        fprintf(out, "0x%0*" PRIx64, 2 * a->size, load_le(a->data, a->size));
    else
        put_bytes(out, a);
}

static void access_line(FILE *out, const struct trace_item *item)
{
    const struct access *a = &item->access;
    fprintf(out, "%10" PRIu64 " %c %2u gva %016" PRIx64, item->number, a->kind == ACCESS_WRITE ? 'w' : 'r',
            a->size, a->gva);
    if (item->gpa_known)
        fprintf(out, " gpa %012" PRIx64, a->gpa);
    else
        fprintf(out, " gpa %12s", "?");
    if (item->gpa_known && (a->flags & ACCESS_CROSSES))
        fprintf(out, ",%" PRIx64, a->gpa2);
    fputs(" = ", out);
    put_data(out, a);
    fprintf(out, " rip %016" PRIx64 " cr3 %" PRIx64 " cpl %u icount ", a->rip, a->cr3,
            a->context & CONTEXT_CPL_MASK);
    if (item->icount_known)
        fprintf(out, "%" PRIu64, a->icount);
    else
        fputc('-', out);
    fprintf(out, " %s", cause_name(a->cause));
    if (has_vector(a))
        fprintf(out, " %u", a->vector);
    for (unsigned i = 0; i < FLAGS; i++)
        if (a->flags & (1u << i))
            fprintf(out, " %s", flag_name[i]);
    fputc('\n', out);
}

static void access_json(FILE *out, const struct trace_item *item)
{
    const struct access *a = &item->access;
    fprintf(out, "{\"event\":%" PRIu64 ",\"kind\":\"%c\",\"size\":%u,\"gva\":\"0x%" PRIx64 "\"", item->number,
            a->kind == ACCESS_WRITE ? 'w' : 'r', a->size, a->gva);
    if (item->gpa_known)
        fprintf(out, ",\"gpa\":\"0x%" PRIx64 "\"", a->gpa);
    else
        fputs(",\"gpa\":null", out);
    if (item->gpa_known && (a->flags & ACCESS_CROSSES))
        fprintf(out, ",\"gpa2\":\"0x%" PRIx64 "\"", a->gpa2);
    fputs(",\"data\":", out);
    if (a->has_data) {
        fputc('"', out);
        put_bytes(out, a);
        fputc('"', out);
    } else {
        fputs("null", out);
    }
    fprintf(out,
            ",\"rip\":\"0x%" PRIx64 "\",\"cr3\":\"0x%" PRIx64 "\",\"cpl\":%u,\"mode\":\"%s\",\"paging\":%s",
            a->rip, a->cr3, a->context & CONTEXT_CPL_MASK, mode_name(a->context),
            a->context & CONTEXT_PAGING ? "true" : "false");
    if (item->icount_known)
        fprintf(out, ",\"icount\":%" PRIu64, a->icount);
    else
        fputs(",\"icount\":null", out);
    fprintf(out, ",\"cause\":\"%s\"", cause_name(a->cause));
    if (has_vector(a))
        fprintf(out, ",\"vector\":%u", a->vector);
    fputs(",\"flags\":[", out);
    const char *comma = "";
    for (unsigned i = 0; i < FLAGS; i++) {
        if (a->flags & (1u << i)) {
            fprintf(out, "%s\"%s\"", comma, flag_name[i]);
            comma = ",";
        }
    }
    fputs("]}\n", out);
}

static void access_oracle(FILE *out, const struct trace_item *item)
{
    const struct access *a = &item->access;
    fprintf(out, "%s%c %" PRIx64 " ", a->cause == CAUSE_PAGE_WALK ? "P" : "",
            a->kind == ACCESS_WRITE ? 'W' : 'R', a->gva);
    if (!item->gpa_known)
        fputc('?', out);
    else if (a->flags & ACCESS_CROSSES)
        fprintf(out, "%" PRIx64 ",%" PRIx64, a->gpa, a->gpa2);
    else
        fprintf(out, "%" PRIx64, a->gpa);
    fprintf(out, " %u ", a->size);
    if (a->has_data)
        put_bytes(out, a);
    else
        fputc('-', out);
    fputc('\n', out);
}

static const char *item_name(enum item_kind kind)
{
    static const char *const name[ITEM_KINDS] = {
        [ITEM_ACCESS] = "access", [ITEM_EVENT] = "event", [ITEM_CONTEXT] = "context", [ITEM_TIME] = "time",
        [ITEM_MARK] = "mark",     [ITEM_LOSS] = "loss",   [ITEM_FILTER] = "filter",   [ITEM_STOP] = "stop",
    };
    return name[kind];
}

static const char *event_type_name(uint8_t type)
{
    static const char *const name[8] = {
        "external interrupt",
        "type 1",
        "NMI",
        "hardware exception",
        "software interrupt",
        "privileged software exception",
        "software exception",
        "type 7",
    };
    return name[type & 7];
}

static const char *mark_source_name(uint8_t source)
{
    static const char *const name[] = {
        [MARK_ENGRAM] = "engram", [MARK_CONSOLE] = "console", [MARK_HYPERCALL] = "hypercall"};
    return source < sizeof(name) / sizeof(name[0]) ? name[source] : "unknown source";
}

static void other_line(FILE *out, const struct trace_item *item)
{
    fprintf(out, "%10" PRIu64 " # %s", item->number, item_name(item->kind));
    switch (item->kind) {
    case ITEM_EVENT:
        fprintf(out, " %s, vector %u, at rip %016" PRIx64, event_type_name(item->event_type), item->vector,
                item->rip);
        if (item->has_error_code)
            fprintf(out, ", error code 0x%" PRIx64, item->error_code);
        fprintf(out, ", tsc %" PRIu64, item->tsc);
        break;
    case ITEM_CONTEXT:
        fprintf(out, " cr3 %" PRIx64 ", cpl %u, %s, paging %s", item->cr3, item->context & CONTEXT_CPL_MASK,
                mode_name(item->context), item->context & CONTEXT_PAGING ? "on" : "off");
        if (item->tsc)
            fprintf(out, ", tsc %" PRIu64, item->tsc);
        break;
    case ITEM_TIME:
        fprintf(out, " tsc %" PRIu64, item->tsc);
        break;
    case ITEM_LOSS:
        fprintf(out, ": %" PRIu64 " events lost here", item->count);
        break;
    case ITEM_FILTER:
        fprintf(out, ": %" PRIu64 " events kept out by filters", item->count);
        break;
    case ITEM_MARK:
        fprintf(out, " (%s): ", mark_source_name(item->source));
        put_text(out, item->text, item->text_bytes);
        break;
    default:
        fputs(": ", out);
        put_text(out, item->text, item->text_bytes);
        break;
    }
    fputc('\n', out);
}

static void other_json(FILE *out, const struct trace_item *item)
{
    fprintf(out, "{\"item\":\"%s\",\"before_event\":%" PRIu64, item_name(item->kind), item->number);
    switch (item->kind) {
    case ITEM_EVENT:
        fprintf(out, ",\"vector\":%u,\"type\":%u,\"rip\":\"0x%" PRIx64 "\",\"tsc\":%" PRIu64, item->vector,
                item->event_type, item->rip, item->tsc);
        if (item->has_error_code)
            fprintf(out, ",\"error_code\":%" PRIu64, item->error_code);
        break;
    case ITEM_CONTEXT:
        fprintf(out, ",\"cr3\":\"0x%" PRIx64 "\",\"cpl\":%u,\"mode\":\"%s\",\"paging\":%s", item->cr3,
                item->context & CONTEXT_CPL_MASK, mode_name(item->context),
                item->context & CONTEXT_PAGING ? "true" : "false");
        break;
    case ITEM_TIME:
        fprintf(out, ",\"tsc\":%" PRIu64, item->tsc);
        break;
    case ITEM_LOSS:
    case ITEM_FILTER:
        fprintf(out, ",\"count\":%" PRIu64, item->count);
        break;
    case ITEM_MARK:
        fprintf(out, ",\"source\":\"%s\"", mark_source_name(item->source));
        /* fall through */
    default:
        fputs(",\"text\":", out);
        put_json_text(out, item->text, item->text_bytes);
        break;
    }
    fputs("}\n", out);
}

void print_item(FILE *out, const struct trace_item *item, enum print_form form)
{
    bool access = item->kind == ITEM_ACCESS;
    if (form == PRINT_JSON)
        access ? access_json(out, item) : other_json(out, item);
    else if (form == PRINT_LINES)
        access ? access_line(out, item) : other_line(out, item);
    else if (access)
        access_oracle(out, item);
}
