/*
 * dbt-host: runs a multiboot kernel translated, as a Linux process.
 *
 *     dbt-host [option=value]... KERNEL [argument of the kernel]...
 *
 * ram=MiB ring=MiB trace=w|r|rw|none out=FILE start=TEXT|rip:ADDRESS stop=TEXT|rip:ADDRESS
 * filter-gpa= filter-gva= filter-cpl= filter-cr3= (docs/options.md)
 * proof=off|on|pages|digests ring.mode=wrap|stop discard=1 counters=1 timing=1 print=IP cache=KiB
 * tick=INSTRUCTIONS
 */
#include "dbt/host/disassemble.h"
#include "dbt/host/host.h"

#include "dbt/sys/sys.h"
#include "filter_options.h"
#include "guest/plan.h"
#include "x86/cpu.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CODE_BYTES_MIN (256u << 10)
#define BLOCKS_MAX 65536u
#define BUDGET_BYTES (4u << 20)
#define GUARD_BYTES (1u << 16)

struct host_options host_options = {.ram_bytes = 64 << 20,
                                    .ring_bytes = 64 << 20,
                                    .print_block = ~0ull,
                                    .start_rip = ~0ull,
                                    .stop_rip = ~0ull,
                                    .cache_bytes = 32 << 20,
                                    .tick = 16};
static struct dbt *engine;
static double started;

_Noreturn void host_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "dbt-host: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    exit(2);
}

static void *map(size_t bytes, int protection)
{
    void *p = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        host_fail("no memory for %zu bytes", bytes);
    return p;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- callbacks ---- */

static uint64_t next_deadline(struct dbt *d)
{
    uint64_t n = timer_deadline(d);
    return n < BUDGET_BYTES ? n : BUDGET_BYTES;
}
static bool host_poll(struct dbt *d)
{
    timer_update(d);
    return true;
}
static int host_interrupt(struct dbt *d)
{
    (void)d;
    return pic_take();
}

static bool host_wait(struct dbt *d)
{
    timer_update(d);
    return pic_is_pending() || timer_sleep(d);
}

enum { BREAK_START, BREAK_STOP };

static void arm(struct dbt *d, unsigned n, uint64_t rip)
{
    dbt_set_break(d, n, rip != ~0ull, rip);
}

static void host_at_break(struct dbt *d, unsigned n)
{
    host_save_vectors();
    arm(d, n, ~0ull);
    if (n == BREAK_START) {
        trace_start(d);
        arm(d, BREAK_STOP, host_options.stop_rip);
    } else {
        trace_stop(d, "the guest reached the stop= address");
    }
    host_restore_vectors();
}

static struct dbt_host machine_host = {.next_segment = trace_next_segment,
                                       .end_segments = trace_end_segments,
                                       .define = trace_define,
                                       .new_dictionary = trace_new_dictionary,
                                       .next_deadline = next_deadline,
                                       .poll = host_poll,
                                       .interrupt = host_interrupt,
                                       .wait = host_wait,
                                       .at_break = host_at_break,
                                       .port_in = ports_in,
                                       .port_out = ports_out};

#define CPUID_7_ECX_UMIP (1u << 2)

static void guest_cpuid(struct dbt_cpu *c)
{
    struct cpuid r = cpuid((uint32_t)c->v.gpr[RAX], (uint32_t)c->v.gpr[RCX]);
    if ((uint32_t)c->v.gpr[RAX] == 7 && (uint32_t)c->v.gpr[RCX] == 0)
        r.ecx |= CPUID_7_ECX_UMIP; /* the engine's own, whatever the CPU has */
    c->v.gpr[RAX] = r.eax;
    c->v.gpr[RBX] = r.ebx;
    c->v.gpr[RCX] = r.ecx;
    c->v.gpr[RDX] = r.edx;
}
static bool guest_read_msr(struct dbt_cpu *c, uint32_t msr, uint64_t *value)
{
    (void)c;
    (void)msr;
    *value = 0;
    return false;
}
static bool guest_write_msr(struct dbt_cpu *c, uint32_t msr, uint64_t value)
{
    (void)c;
    (void)msr;
    (void)value;
    return false;
}
/* As the timer: by instructions, so that a run repeats. */
static uint64_t guest_tsc(struct dbt_cpu *c)
{
    return host_time(dbt_of(c));
}

/* ---- building the machine ---- */

/* Below 4 GiB: see run.c. */
static void map_budget(void)
{
    uint8_t *p = mmap(NULL, GUARD_BYTES + BUDGET_BYTES, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_32BIT, -1, 0);
    if (p == MAP_FAILED)
        host_fail("no address space below 4 GiB for the budget");
    machine_host.budget_base = (uint32_t)(uintptr_t)(p + GUARD_BYTES);
    machine_host.budget_bytes = BUDGET_BYTES;
    /* Never written: every page of it is the kernel's one page of zeros. */
    if (mprotect(p + GUARD_BYTES, BUDGET_BYTES, PROT_READ) ||
        madvise(p + GUARD_BYTES, BUDGET_BYTES, MADV_NOHUGEPAGE))
        host_fail("the budget's range cannot be mapped");
}

static struct dbt *make_engine(void)
{
    struct dbt *d = map(sizeof(*d), PROT_READ | PROT_WRITE);
    uint64_t pages = host_options.ram_bytes >> PAGE_SHIFT;

    d->ram = map(host_options.ram_bytes, PROT_READ | PROT_WRITE);
    d->ram_bytes = host_options.ram_bytes;
    d->page_flags = map(pages, PROT_READ | PROT_WRITE);
    d->page_blocks = map(pages * sizeof(void *), PROT_READ | PROT_WRITE);
    d->host = &machine_host;
    d->block_max = BLOCKS_MAX;
    d->insn_max = BLOCKS_MAX * 8;
    d->exit_max = BLOCKS_MAX * 8;
    d->blocks = map(d->block_max * sizeof(*d->blocks), PROT_READ | PROT_WRITE);
    d->insns = map(d->insn_max * sizeof(*d->insns), PROT_READ | PROT_WRITE);
    d->exits = map(d->exit_max * sizeof(*d->exits), PROT_READ | PROT_WRITE);
    map_budget();
    d->cpu.physical_bits = 40;
    d->cpu.has_gib_pages = true;
    d->cpu.cr4_allowed = 0x310fff | CR4_OSXSAVE; /* VME to UMIP, FSGSBASE, SMEP, SMAP */
    d->cpu.xcr0_allowed = sys_xcr0_offered();
    d->cpu.cpuid = guest_cpuid;
    d->cpu.read_msr = guest_read_msr;
    d->cpu.write_msr = guest_write_msr;
    d->cpu.read_tsc = guest_tsc;
    trap_init(d);
    return d;
}

/* ---- the guest ---- */

static const uint8_t *kernel_bytes;
static uint64_t kernel_size;

static const void *read_physical(hpa_t start, size_t size)
{
    uint64_t file = host_options.ram_bytes; /* the kernel's file lies behind RAM, as it were */
    if (start >= file && start - file + size <= kernel_size)
        return kernel_bytes + (start - file);
    return start + size <= host_options.ram_bytes ? engine->ram + start : NULL;
}

static void *write_physical(hpa_t start, size_t size)
{
    return start + size <= host_options.ram_bytes ? engine->ram + start : NULL;
}

static bool copy_physical(gpa_t to, hpa_t from, uint64_t bytes, uint64_t total)
{
    uint8_t *there = write_physical(to, total);
    const void *source = read_physical(from, bytes);
    if (!there || !source)
        return false;
    memmove(there, source, bytes);
    memset(there + bytes, 0, total - bytes);
    return true;
}

static void load_guest(struct dbt *d, const char *path, const char *title)
{
    static struct guest_plan plan;
    static char error[512];
    struct stat st;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) || st.st_size == 0)
        host_fail("%s: cannot be read", path);
    kernel_size = (uint64_t)st.st_size;
    kernel_bytes = mmap(NULL, kernel_size, PROT_READ, MAP_PRIVATE, fd, 0);
    struct boot_module module = {.start = host_options.ram_bytes,
                                 .end = host_options.ram_bytes + kernel_size};
    snprintf(module.string, sizeof(module.string), "%s", title);
    struct machine m = {.map = {{0, 0x9fc00, MEMORY_RAM}, {MIB(1), host_options.ram_bytes, MEMORY_RAM}},
                        .map_count = 2,
                        .ram_end = host_options.ram_bytes,
                        .physical_bits = 40};
    struct guest_source source = {.kernel = &module, .kernel_bytes = kernel_bytes};
    if (!guest_plan_make(&plan, &source, &m, error, sizeof(error)) ||
        !guest_plan_apply(&plan, copy_physical, write_physical, error, sizeof(error)))
        host_fail("%s", error);
    d->cpu.v = plan.start;
}

/* ---- options ---- */

static bool option(const char *arg, const char *name, const char **value)
{
    size_t n = strlen(name);
    if (memcmp(arg, name, n) || arg[n] != '=')
        return false;
    *value = arg + n + 1;
    return true;
}

/* TEXT or rip:ADDRESS */
static void take_switch(const char *value, const char **text, uint64_t *rip)
{
    if (memcmp(value, "rip:", 4) == 0)
        *rip = strtoull(value + 4, NULL, 0);
    else
        *text = value;
}

static void check_options(const struct host_options *o)
{
    if (o->ram_bytes < MIB(2) || o->ram_bytes > GIB(3))
        host_fail("ram= takes 2 to 3072 MiB");
    if (o->cache_bytes < CODE_BYTES_MIN || o->cache_bytes > GIB(1))
        host_fail("cache= takes %u to 1048576 KiB", CODE_BYTES_MIN >> 10);
    if (o->tick == 0)
        host_fail("tick= takes at least 1 instruction");
}

static void check_filter(const char *arg, const char *wrong)
{
    if (wrong)
        host_fail("%s: %s", arg, wrong);
}

static void take_proof(struct host_options *o, const char *value)
{
    static const char *const names[] = {[HOST_PROOF_OFF] = "off",
                                        [HOST_PROOF_ON] = "on",
                                        [HOST_PROOF_PAGES] = "pages",
                                        [HOST_PROOF_DIGESTS] = "digests"};
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(value, names[i]) == 0) {
            o->proof = (enum host_proof)i;
            return;
        }
    }
    host_fail("proof= takes off, on, pages or digests");
}

static bool take_option(const char *arg)
{
    struct host_options *o = &host_options;
    const char *v;
    if (option(arg, "ram", &v))
        o->ram_bytes = strtoull(v, NULL, 0) << 20;
    else if (option(arg, "ring", &v))
        o->ring_bytes = strtoull(v, NULL, 0) << 20;
    else if (option(arg, "trace", &v)) {
        o->record &= RECORD_WALK_READS;
        o->record |= (v[0] == 'r' ? RECORD_READS : 0) |
                     (v[0] == 'w' || (v[0] == 'r' && v[1] == 'w') ? RECORD_WRITES : 0);
    } else if (option(arg, "walk-reads", &v)) {
        o->record &= ~(unsigned)RECORD_WALK_READS;
        o->record |= strcmp(v, "on") == 0 ? RECORD_WALK_READS : 0;
    } else if (option(arg, "out", &v))
        o->output = v;
    else if (option(arg, "start", &v))
        take_switch(v, &o->start, &o->start_rip);
    else if (option(arg, "stop", &v))
        take_switch(v, &o->stop, &o->stop_rip);
    else if (option(arg, "filter-gpa", &v))
        check_filter(arg, filter_parse_ranges(&o->filter.gpa, v));
    else if (option(arg, "filter-gva", &v))
        check_filter(arg, filter_parse_ranges(&o->filter.gva, v));
    else if (option(arg, "filter-cpl", &v))
        check_filter(arg, filter_parse_levels(&o->filter.levels, v));
    else if (option(arg, "filter-cr3", &v))
        check_filter(arg, filter_parse_cr3(&o->filter, v));
    else if (option(arg, "proof", &v))
        take_proof(o, v);
    else if (option(arg, "ring.mode", &v))
        o->wrap = v[0] == 'w';
    else if (option(arg, "discard", &v))
        o->discard = v[0] == '1';
    else if (option(arg, "counters", &v))
        o->counters = v[0] == '1';
    else if (option(arg, "timing", &v))
        o->timing = v[0] == '1';
    else if (option(arg, "print", &v))
        o->print_block = strtoull(v, NULL, 0);
    else if (option(arg, "cache", &v))
        o->cache_bytes = strtoull(v, NULL, 0) << 10;
    else if (option(arg, "tick", &v))
        o->tick = strtoull(v, NULL, 0);
    else
        return false;
    return true;
}

static void print_line(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
}

static unsigned print_guest(const struct block *b, uint64_t ip, const uint8_t *bytes, size_t available,
                            char *text)
{
    return disassemble_guest(bytes, available, ip, (enum code_size)(b->mode & MODE_CODE_SIZE), text);
}

static const struct block *printed;

/* Within the block by offset, others by their IP. */
static bool name_target(const struct target_names *names, uint64_t target, char *text, size_t size)
{
    const uint8_t *to = (const uint8_t *)(uintptr_t)target;
    const struct block *b = cache_block_at(engine, target);
    (void)names;
    if (b == printed)
        snprintf(text, size, "+%u", (unsigned)(to - b->indirect));
    else if (b)
        snprintf(text, size, "block 0x%lx", (unsigned long)b->ip);
    else if (to == engine->leave)
        snprintf(text, size, "leave");
    else if (to == engine->leave_indirect)
        snprintf(text, size, "leave_indirect");
    else
        return false;
    return true;
}

static unsigned print_host(struct dbt *d, const struct block *b, const uint8_t *code, char *text)
{
    static const struct target_names names = {name_target};
    (void)d;
    printed = b;
    return disassemble_host(code, &names, text);
}

static void print_blocks(struct dbt *d)
{
    const struct dbt_print print = {
        .dictionary = trace_dictionary(), .line = print_line, .guest = print_guest, .host = print_host};
    recorder_hand_over(d);
    for (uint32_t i = 0; i < d->block_count; i++)
        if (host_options.print_block == 0 || d->blocks[i].ip == host_options.print_block)
            dbt_print_block(d, &d->blocks[i], &print);
}

static void print_counters(const struct dbt *d)
{
    static char text[4096];
    struct rusage usage;
    dbt_counters_text(d, text, sizeof(text));
    fputs(text, stderr);
    getrusage(RUSAGE_SELF, &usage);
    fprintf(stderr, "host.peak_rss_kib=%ld\n", usage.ru_maxrss);
}

int main(int argc, char **argv)
{
    int i = 1;
    while (i < argc && take_option(argv[i]))
        i++;
    check_options(&host_options);
    if (i == argc)
        host_fail("usage: dbt-host [option=value]... KERNEL [argument]...");
    if (!__builtin_cpu_supports("bmi2"))
        host_fail("this CPU has no BMI2, which translated code uses (Intel Haswell, AMD Excavator and later "
                  "have it)");
    char title[1024];
    int n = snprintf(title, sizeof(title), "%s", argv[i]);
    for (int k = i + 1; k < argc && n < (int)sizeof(title); k++)
        n += snprintf(title + n, sizeof(title) - (size_t)n, " %s", argv[k]);

    struct dbt *d = engine = make_engine();
    load_guest(d, argv[i], title);
    trace_init(d);
    uint64_t bytes = host_options.cache_bytes;
    dbt_init(d, map(bytes, PROT_READ | PROT_WRITE | PROT_EXEC), bytes);
    arm(d, BREAK_START, host_options.start_rip);
    if (!host_options.start && host_options.start_rip == ~0ull) {
        trace_start(d);
        arm(d, BREAK_STOP, host_options.stop_rip);
    }
    started = seconds();
    sys_reset_vectors();
    dbt_run(d);
    double ended = seconds();
    host_save_vectors();
    fflush(stdout);
    if (d->cpu.stop == DBT_TRIPLE_FAULT)
        d->cpu.stop_text = "triple fault";
    fprintf(stderr, "dbt-host: ended: %s (RIP 0x%llx)\n", d->cpu.stop_text, (unsigned long long)d->cpu.v.rip);
    if (host_options.timing)
        fprintf(stderr, "seconds %.6f\n", ended - started);
    if (host_options.print_block != ~0ull)
        print_blocks(d);
    if (!trace_write(d, title, d->cpu.stop_text))
        host_fail("%s: cannot be written", host_options.output);
    if (host_options.counters)
        print_counters(d);
    return host_exit_code();
}
