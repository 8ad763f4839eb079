/* Comma-separated values: a line for each access, with all that is known of it. */
#include "command.h"
#include "convert/converter.h"
#include "emit.h"

#define LINE_MAX_BYTES 512u

static bool begin(void *state, struct conversion *c)
{
    static const char header[] =
        "event,icount,kind,size,gva,gpa,gpa2,data,rip,cr3,cpl,mode,paging,cause,vector,mmio,locked,rep\n";
    (void)state;
    return convert_write(c, header, sizeof(header) - 1);
}

static char *address(char *p, uint64_t n)
{
    return emit_hex(emit_text(p, ",0x"), n);
}

static bool on_access(void *state, struct conversion *c, const struct trace_item *item)
{
    const struct access *a = &item->access;
    char line[LINE_MAX_BYTES], *p = emit_text(emit_decimal(line, item->number), ",");
    (void)state;
    p = item->icount_known ? emit_decimal(p, a->icount) : p;
    p = emit_decimal(emit_text(p, a->kind == ACCESS_WRITE ? ",w," : ",r,"), a->size);
    p = address(p, a->gva);
    p = item->gpa_known ? address(p, a->gpa) : emit_text(p, ",");
    p = item->gpa_known && (a->flags & ACCESS_CROSSES) ? address(p, a->gpa2) : emit_text(p, ",");
    p = emit_text(p, ",");
    p = a->has_data ? emit_bytes(p, a->data, a->size) : p;
    p = address(address(p, a->rip), a->cr3);
    p = emit_decimal(emit_text(p, ","), a->context & CONTEXT_CPL_MASK);
    p = emit_text(emit_text(p, ","), mode_name(a->context));
    p = emit_text(p, a->context & CONTEXT_PAGING ? ",1," : ",0,");
    p = emit_text(emit_text(p, cause_name(a->cause)), ",");
    if (a->cause == CAUSE_EXCEPTION || a->cause == CAUSE_INTERRUPT)
        p = emit_decimal(p, a->vector);
    p = emit_text(p, a->flags & ACCESS_MMIO ? ",1" : ",0");
    p = emit_text(p, a->flags & ACCESS_LOCKED ? ",1" : ",0");
    p = emit_text(p, a->flags & ACCESS_REP ? ",1\n" : ",0\n");
    return convert_write(c, line, (size_t)(p - line));
}

const struct converter convert_csv = {
    .name = "csv",
    .what = "comma-separated values with a header; addresses in hexadecimal, data as bytes in memory order",
    .lacks = "what stands between accesses (interrupts, marks, losses)",
    .begin = begin,
    .access = on_access,
};
