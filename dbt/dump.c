/* What went on, for people: blocks as guest and host code, counters. */
#include "dbt/dbt.h"

#include "console.h"
#include "decode/insn.h"

static void bytes_line(char *to, const uint8_t *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        to[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        to[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    to[2 * n] = '\0';
}

/* ---- a block ---- */

#define LINE_BYTES 16u

static void print_bytes(const struct dbt_print *print, const struct block *b, uint32_t from, uint32_t to)
{
    char text[2 * LINE_BYTES + 1];
    for (; from < to; from += LINE_BYTES) {
        bytes_line(text, b->indirect + from, to - from < LINE_BYTES ? to - from : LINE_BYTES);
        print->line("        +%-5u %s\n", from, text);
    }
}

/* The block's translated code between two offsets. */
static void print_code(struct dbt *d, const struct block *b, const struct dbt_print *print, uint32_t from,
                       uint32_t to)
{
    char text[DBT_PRINT_TEXT];
    if (!print->host) {
        print_bytes(print, b, from, to);
        return;
    }
    while (from < to) {
        unsigned length = print->host(d, b, b->indirect + from, text);
        print->line("        +%-5u %s\n", from, text);
        from += length ? length : 1;
    }
}

/* Side table: what the record's bytes are. */
static void print_accesses(const struct block *b, const struct dbt_print *print, unsigned first, unsigned end)
{
    for (unsigned k = first; k < end; k++) {
        const struct raw_access *a = &print->dictionary->access[b->record_first + k];
        const char *kind = a->kind == ACCESS_WRITE ? "write" : "read";
        if (a->address)
            print->line("        %s of %u bytes: in the record address%+ld at %u, data at %u\n", kind,
                        a->size, (long)a->displacement, a->address, a->data);
        else
            print->line("        %s of %u bytes: at 0x%lx, in the record data at %u\n", kind, a->size,
                        (unsigned long)a->displacement, a->data);
    }
}

/* As memory holds it now; an instruction may end on the block's second page. */
static void guest_bytes(const struct dbt *d, const struct block *b, const struct block_insn *in, uint8_t *to)
{
    for (unsigned i = 0; i < in->length; i++) {
        gpa_t at = b->gpa + in->ip + i;
        bool second = b->crosses && (at ^ b->gpa) >= PAGE_SIZE;
        to[i] = d->ram[second ? (b->gpa2 & PAGE_MASK) + (at & (PAGE_SIZE - 1)) : at];
    }
}

static void print_insn(struct dbt *d, const struct block *b, const struct dbt_print *print, unsigned i)
{
    const struct block_insn *in = &b->insn[i];
    char bytes[2 * INSN_BYTES_MAX + 1], text[DBT_PRINT_TEXT] = "";
    uint8_t code[INSN_BYTES_MAX];

    guest_bytes(d, b, in, code);
    bytes_line(bytes, code, in->length);
    if (print->guest)
        print->guest(b, b->ip + in->ip, code, in->length, text);
    print->line("    0x%lx  %s  %s\n", (unsigned long)(b->ip + in->ip), bytes, text);
    if (b->record_id && print->dictionary)
        print_accesses(b, print, in->records, in[1].records);
    print_code(d, b, print, in->code, in[1].code);
}

static void print_exits(const struct dbt *d, const struct block *b, const struct dbt_print *print)
{
    static const char *const kind[] = {[DBT_EXIT_CHAIN] = "branch",
                                       [DBT_EXIT_INDIRECT] = "indirect branch",
                                       [DBT_EXIT_SYSTEM] = "system instruction",
                                       [DBT_EXIT_MISS] = "TLB miss",
                                       [DBT_EXIT_SLOW] = "slow path",
                                       [DBT_EXIT_STRING] = "string instruction",
                                       [DBT_EXIT_UD] = "#UD",
                                       [DBT_EXIT_NM] = "#NM",
                                       [DBT_EXIT_UNSUPPORTED] = "no translation",
                                       [DBT_EXIT_BOUNCED] = "mode change",
                                       [DBT_EXIT_TRAP] = "trap"};
    for (uint32_t i = b->first_exit; i < b->first_exit + b->exit_count; i++) {
        const struct exit_site *x = &d->exits[i];
        print->line("    exit 0x%x: %s", i, x->kind < ARRAY_SIZE(kind) ? kind[x->kind] : "?");
        if (x->kind == DBT_EXIT_CHAIN)
            print->line(" to 0x%lx%s\n", (unsigned long)x->target, x->linked ? ", linked" : "");
        else if (x->kind == DBT_EXIT_MISS)
            print->line(" of a %s of %u bytes, %u accesses recorded\n",
                        x->probe_access & DBT_WRITE ? "write" : "read", x->probe_bytes,
                        b->insn[x->insn].records);
        else
            print->line("\n");
    }
}

void dbt_print_block(struct dbt *d, const struct block *b, const struct dbt_print *print)
{
    uint32_t code = (uint32_t)(b->code - b->indirect), first = b->insn_count ? b->insn[0].code : b->stubs;
    print->line("block 0x%lx mode 0x%lx gpa 0x%lx: %u instructions, %u guest bytes, %u host bytes, "
                "%u bytes a record (0x%x)%s\n",
                (unsigned long)b->ip, (unsigned long)b->mode, (unsigned long)b->gpa, b->insn_count,
                b->guest_bytes, b->code_bytes, b->record_bytes, b->record_id, b->valid ? "" : ", invalid");
    print->line("    indirect branches enter here\n");
    print_code(d, b, print, 0, code);
    print->line("    direct branches enter here: budget, room for records\n");
    print_code(d, b, print, code, first);
    for (unsigned i = 0; i < b->insn_count; i++)
        print_insn(d, b, print, i);
    print->line("    ways out\n");
    print_code(d, b, print, b->stubs, b->code_bytes);
    print_exits(d, b, print);
}

/* ---- counters ---- */

size_t dbt_counters_text(const struct dbt *d, char *text, size_t size)
{
    const struct dbt_counters *n = &d->counters;
    const struct {
        const char *name;
        uint64_t value;
    } all[] = {{"instructions", dbt_icount(d)},
               {"blocks", n->blocks},
               {"chains", n->chains},
               {"unlinked", n->unlinked},
               {"lookups", n->lookups},
               {"misses", n->misses},
               {"fills", n->fills},
               {"tlb_flushes", n->tlb_flushes},
               {"flushes", n->flushes},
               {"invalidations", n->invalidations},
               {"bounces", n->bounces},
               {"system", n->system},
               {"traps", n->traps},
               {"polls", n->budget},
               {"segments", n->segments},
               {"dictionaries", n->dictionaries},
               {"string_runs", n->runs},
               {"faults", n->faults},
               {"interrupts", n->interrupts}};
    size_t used = 0;
    for (size_t i = 0; i < ARRAY_SIZE(all) && used < size; i++)
        used += format_text(text + used, size - used, "counter.dbt.%s=%lu\n", all[i].name,
                            (unsigned long)all[i].value);
    return used < size ? used : size;
}
