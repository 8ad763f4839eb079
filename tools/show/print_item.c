/* Lines for people, JSON for programs, a bare list for comparing with other tracers. */
#include "show/print_item.h"
#include "color.h"
#include "command.h"
#include "emit.h"
#include "reader/cursor.h"
#include "text.h"

#include <inttypes.h>

static const char *const flag_name[] = {"mmio", "locked", "rep", "crosses"};
#define FLAGS (sizeof(flag_name) / sizeof(flag_name[0]))

static bool has_vector(const struct access *a)
{
    return a->cause == CAUSE_EXCEPTION || a->cause == CAUSE_INTERRUPT;
}

#define LINE_MAX_BYTES 1024u /* no access takes more */

/* Up to 8 bytes as the number they are, wider ones as bytes in memory order. */
static char *put_data(char *p, const struct access *a)
{
    if (!a->has_data)
        return emit_text(p, "-");
    if (a->size <= 8)
        return emit_hex_digits(emit_text(p, "0x"), load_le(a->data, a->size), 2u * a->size);
    return emit_bytes(p, a->data, a->size);
}

static void access_line(FILE *out, const struct trace_item *item)
{
    const struct access *a = &item->access;
    char line[LINE_MAX_BYTES],
        *p = line + snprintf(line, sizeof(line), "%10" PRIu64 " %s%c%s %2u gva ", item->number,
                             color(out, a->kind == ACCESS_WRITE ? COLOR_WRITE : COLOR_READ),
                             a->kind == ACCESS_WRITE ? 'w' : 'r', color(out, COLOR_END), a->size);
    p = emit_hex_digits(p, a->gva, 16);
    p = emit_text(p, " gpa ");
    if (!item->gpa_known)
        p = emit_text(p, "           ?");
    else
        p = a->gpa >> 48 ? emit_hex(p, a->gpa) : emit_hex_digits(p, a->gpa, 12);
    if (item->gpa_known && (a->flags & ACCESS_CROSSES))
        p = emit_hex(emit_text(p, ","), a->gpa2);
    p = put_data(emit_text(p, " = "), a);
    p = emit_hex_digits(emit_text(p, " rip "), a->rip, 16);
    p = emit_hex(emit_text(p, " cr3 "), a->cr3);
    p = emit_decimal(emit_text(p, " cpl "), a->context & CONTEXT_CPL_MASK);
    p = emit_text(p, " icount ");
    p = item->icount_known ? emit_decimal(p, a->icount) : emit_text(p, "-");
    p = emit_text(emit_text(p, " "), cause_name(a->cause));
    if (has_vector(a))
        p = emit_decimal(emit_text(p, " "), a->vector);
    for (unsigned i = 0; i < FLAGS; i++)
        if (a->flags & (1u << i))
            p = emit_text(emit_text(p, " "), flag_name[i]);
    *p++ = '\n';
    fwrite(line, 1, (size_t)(p - line), out);
}

static char *json_address(char *p, const char *key, uint64_t address)
{
    p = emit_text(emit_text(emit_text(p, ",\""), key), "\":\"0x");
    return emit_text(emit_hex(p, address), "\"");
}

static char *json_flags(char *p, uint8_t flags)
{
    const char *comma = "";
    p = emit_text(p, ",\"flags\":[");
    for (unsigned i = 0; i < FLAGS; i++) {
        if (flags & (1u << i)) {
            p = emit_text(emit_text(emit_text(emit_text(p, comma), "\""), flag_name[i]), "\"");
            comma = ",";
        }
    }
    return emit_text(p, "]}\n");
}

static void access_json(FILE *out, const struct trace_item *item)
{
    const struct access *a = &item->access;
    char line[LINE_MAX_BYTES], *p = emit_decimal(emit_text(line, "{\"event\":"), item->number);
    p = emit_text(p, a->kind == ACCESS_WRITE ? ",\"kind\":\"w\",\"size\":" : ",\"kind\":\"r\",\"size\":");
    p = json_address(emit_decimal(p, a->size), "gva", a->gva);
    p = item->gpa_known ? json_address(p, "gpa", a->gpa) : emit_text(p, ",\"gpa\":null");
    if (item->gpa_known && (a->flags & ACCESS_CROSSES))
        p = json_address(p, "gpa2", a->gpa2);
    p = emit_text(p, ",\"data\":");
    p = a->has_data ? emit_text(emit_bytes(emit_text(p, "\""), a->data, a->size), "\"")
                    : emit_text(p, "null");
    p = json_address(json_address(p, "rip", a->rip), "cr3", a->cr3);
    p = emit_decimal(emit_text(p, ",\"cpl\":"), a->context & CONTEXT_CPL_MASK);
    p = emit_text(emit_text(emit_text(p, ",\"mode\":\""), mode_name(a->context)), "\",\"paging\":");
    p = emit_text(emit_text(p, a->context & CONTEXT_PAGING ? "true" : "false"), ",\"icount\":");
    p = item->icount_known ? emit_decimal(p, a->icount) : emit_text(p, "null");
    p = emit_text(emit_text(emit_text(p, ",\"cause\":\""), cause_name(a->cause)), "\"");
    if (has_vector(a))
        p = emit_decimal(emit_text(p, ",\"vector\":"), a->vector);
    p = json_flags(p, a->flags);
    fwrite(line, 1, (size_t)(p - line), out);
}

static void access_oracle(FILE *out, const struct trace_item *item)
{
    const struct access *a = &item->access;
    char line[LINE_MAX_BYTES], *p = emit_text(line, a->cause == CAUSE_PAGE_WALK ? "P" : "");
    p = emit_hex(emit_text(p, a->kind == ACCESS_WRITE ? "W " : "R "), a->gva);
    p = emit_text(p, " ");
    p = item->gpa_known ? emit_hex(p, a->gpa) : emit_text(p, "?");
    if (item->gpa_known && (a->flags & ACCESS_CROSSES))
        p = emit_hex(emit_text(p, ","), a->gpa2);
    p = emit_text(emit_decimal(emit_text(p, " "), a->size), " ");
    p = a->has_data ? emit_bytes(p, a->data, a->size) : emit_text(p, "-");
    *p++ = '\n';
    fwrite(line, 1, (size_t)(p - line), out);
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
    fprintf(out, "%10" PRIu64 " %s# %s%s", item->number, color(out, COLOR_DIM), item_name(item->kind),
            color(out, COLOR_END));
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
