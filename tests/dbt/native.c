/*
 * The real CPU: the code runs at its own address in this process, in 64-, 32- or
 * 16-bit code segments (the last by way of the LDT), and comes back by a jump or an
 * exception. This program is linked at a fixed low address, so that 32-bit code and
 * jumps reach what is here.
 */
#include "pair.h"

#include "x86/cpu.h"
#include "x86/exceptions.h"

#include <asm/ldt.h>
#include <asm/prctl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#define LINUX_CS_64 0x33
#define LINUX_CS_32 0x23
#define LINUX_DS 0x2b
#define LDT_SELECTOR(n) ((uint16_t)((n) << 3 | 7))
#define RESUME_FLAGS 0x202
#define TICK_MICROSECONDS 200000

/* The assembly below knows these offsets. */
static struct native_context {
    uint64_t gpr[GPR_COUNT];                             /* 0 */
    uint64_t flags;                                      /* 128 */
    uint64_t rsp;                                        /* 136 */
    uint64_t fs_base, gs_base, own_fs_base, own_gs_base; /* 144 */
    uint16_t ds, es, ss, fs, gs, load_fs_gs;             /* 176 */
    struct {
        uint32_t offset;
        uint16_t selector;
    } __attribute__((packed)) target; /* 188 */
} native_context __attribute__((used));
_Static_assert(offsetof(struct native_context, target) == 188, "as in the assembly");

void native_enter(void);
extern char native_leave[];

__asm__(".text\n"
        "native_enter:\n\t"
        "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n\t"
        "mov %rsp, native_context + 136\n\t"
        "mov native_context + 176, %ds\n\t"
        "mov native_context + 178, %es\n\t"
        "cmpw $0, native_context + 186\n\t"
        "je 1f\n\t"
        "mov native_context + 182, %fs\n\t"
        "mov native_context + 184, %gs\n\t"
        "jmp 2f\n"
        "1:\n\t"
        "mov native_context + 144, %rax; wrfsbase %rax\n\t"
        "mov native_context + 152, %rax; wrgsbase %rax\n"
        "2:\n\t"
        "pushq native_context + 128\n\t"
        "popfq\n\t"
        "mov native_context + 180, %ss\n\t"
        "mov native_context + 0, %rax; mov native_context + 8, %rcx; mov native_context + 16, %rdx\n\t"
        "mov native_context + 24, %rbx; mov native_context + 32, %rsp; mov native_context + 40, %rbp\n\t"
        "mov native_context + 48, %rsi; mov native_context + 56, %rdi; mov native_context + 64, %r8\n\t"
        "mov native_context + 72, %r9; mov native_context + 80, %r10; mov native_context + 88, %r11\n\t"
        "mov native_context + 96, %r12; mov native_context + 104, %r13; mov native_context + 112, %r14\n\t"
        "mov native_context + 120, %r15\n\t"
        "ljmp *native_context + 188\n"
        "native_leave:\n\t"
        "mov %rax, native_context + 0; mov %rcx, native_context + 8; mov %rdx, native_context + 16\n\t"
        "mov %rbx, native_context + 24; mov %rsp, native_context + 32; mov %rbp, native_context + 40\n\t"
        "mov %rsi, native_context + 48; mov %rdi, native_context + 56; mov %r8, native_context + 64\n\t"
        "mov %r9, native_context + 72; mov %r10, native_context + 80; mov %r11, native_context + 88\n\t"
        "mov %r12, native_context + 96; mov %r13, native_context + 104; mov %r14, native_context + 112\n\t"
        "mov %r15, native_context + 120\n\t"
        "mov native_context + 136, %rsp\n\t"
        "mov $0x2b, %eax; mov %eax, %ss\n\t"
        "pushfq; popq native_context + 128\n\t"
        "push $0x202; popfq\n\t"
        "mov %eax, %ds; mov %eax, %es\n\t"
        "xor %eax, %eax; mov %eax, %fs; mov %eax, %gs\n\t"
        "mov native_context + 160, %rax; wrfsbase %rax\n\t"
        "mov native_context + 168, %rax; wrgsbase %rax\n\t"
        "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n\t"
        "ret\n");

uint64_t xstate_mask;
static bool has_16_bit_code;
static volatile int ticks_in_code;

/* What ended the run. */
static struct {
    uint8_t vector;
    uint32_t error;
    uint64_t rip, flags, address;
    bool endless;
} ended;

void save_vectors(uint8_t *to)
{
    memset(to + 512, 0, 64);
    __asm__ volatile("xsave64 %0"
                     : "+m"(*(uint8_t(*)[XSTATE_BYTES])to)
                     : "a"((uint32_t)xstate_mask), "d"(0)
                     : "memory");
}
bool save_vectors_compacted(uint8_t *to)
{
    if (!(cpuid(0xd, 1).eax & 2))
        return false;
    memset(to + 512, 0, 64);
    __asm__ volatile("xsavec64 %0"
                     : "+m"(*(uint8_t(*)[XSTATE_BYTES])to)
                     : "a"((uint32_t)xstate_mask), "d"(0)
                     : "memory");
    return true;
}
void load_vectors(const uint8_t *from)
{
    __asm__ volatile("xrstor64 %0"
                     :
                     : "m"(*(const uint8_t(*)[XSTATE_BYTES])from), "a"((uint32_t)xstate_mask), "d"(0)
                     : "memory");
}

/* ---- signals ---- */

static void resume_outside(greg_t *r)
{
    r[REG_RIP] = (greg_t)(uintptr_t)native_leave;
    r[REG_EFL] = RESUME_FLAGS;
    /* CS, GS, FS, SS in one */
    r[REG_CSGSFS] = (greg_t)(LINUX_CS_64 | (uint64_t)LINUX_DS << 48);
}

static uint64_t linear_ip(const greg_t *r)
{
    uint64_t cs = (uint64_t)r[REG_CSGSFS] & 0xffff, rip = (uint64_t)r[REG_RIP];
    return cs == world_segment[SEG_CS].selector && world.size == CODE_16 ? world_segment[SEG_CS].base + rip
                                                                         : rip;
}

static void on_exception(int number, siginfo_t *info, void *context)
{
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    uint64_t resume, rip = linear_ip(r);
    __asm__ volatile("wrfsbase %0" : : "r"(native_context.own_fs_base));
    (void)info;
    if (rip >= WINDOW_AT && rip <= WINDOW_AT + WINDOW_BYTES && ended.vector == VECTOR_NONE) {
        ended.vector = (uint8_t)r[REG_TRAPNO];
        ended.error = (uint32_t)r[REG_ERR];
        ended.address = r[REG_TRAPNO] == VECTOR_PF ? (uint64_t)r[REG_CR2] : 0;
        ended.rip = (uint64_t)r[REG_RIP];
        ended.flags = (uint64_t)r[REG_EFL];
        resume_outside(r);
        return;
    }
    if (r[REG_TRAPNO] == VECTOR_DB) { /* TF was set by the last instruction */
        r[REG_EFL] &= ~(greg_t)RFLAGS_TF;
        return;
    }
    uint64_t address = r[REG_TRAPNO] == VECTOR_PF ? (uint64_t)r[REG_CR2] : 0;
    if (translated_trap((uint64_t)r[REG_RIP], address, (uint64_t)r[REG_TRAPNO], &resume)) {
        r[REG_RIP] = (greg_t)resume;
        return;
    }
    fprintf(stderr, "differential: signal %d at 0x%lx, address 0x%lx\n", number, (unsigned long)r[REG_RIP],
            (unsigned long)r[REG_CR2]);
    abort();
}

/* Two ticks in the same run: it is a loop without an end. */
static void on_tick(int number, siginfo_t *info, void *context)
{
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    uint64_t rip = linear_ip(r);
    (void)number;
    (void)info;
    if (rip < WINDOW_AT || rip >= WINDOW_AT + WINDOW_BYTES || ++ticks_in_code < 2)
        return;
    ended.endless = true;
    resume_outside(r);
}

static void catch_signals(void)
{
    static uint8_t stack_memory[1 << 18];
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    stack_t stack = {.ss_size = sizeof stack_memory, .ss_sp = stack_memory};
    struct sigaction action = {.sa_sigaction = on_exception,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    struct itimerval tick = {{0, TICK_MICROSECONDS}, {0, TICK_MICROSECONDS}};
    sigaltstack(&stack, NULL);
    for (unsigned i = 0; i < sizeof signals / sizeof signals[0]; i++)
        sigaction(signals[i], &action, NULL);
    action.sa_sigaction = on_tick;
    action.sa_flags |= SA_RESTART;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &tick, NULL);
}

/* ---- segments ---- */

static bool set_ldt(unsigned n, const struct world_segment *s, bool code, bool wide)
{
    struct user_desc d = {.entry_number = n,
                          .base_addr = (unsigned)s->base,
                          .limit = s->limit > 0xfffff ? s->limit >> 12 : s->limit,
                          .limit_in_pages = s->limit > 0xfffff,
                          .seg_32bit = wide,
                          .contents = code ? MODIFY_LDT_CONTENTS_CODE : MODIFY_LDT_CONTENTS_DATA,
                          .useable = 1};
    return syscall(SYS_modify_ldt, 0x11, &d, sizeof d) == 0;
}

#define LDT_32_BIT 8 /* entries of 32-bit code follow those of 16-bit code */

static const struct world_segment segments_16[SEG_GS + 1] = {
    [SEG_ES] = {LDT_SELECTOR(SEG_ES), 0x0f8008, 0xffff}, [SEG_CS] = {LDT_SELECTOR(SEG_CS), 0x100000, 0xffff},
    [SEG_SS] = {LDT_SELECTOR(SEG_SS), 0x0ff000, 0xffff}, [SEG_DS] = {LDT_SELECTOR(SEG_DS), 0x0fe010, 0xffff},
    [SEG_FS] = {LDT_SELECTOR(SEG_FS), 0x0fa123, 0xffff}, [SEG_GS] = {LDT_SELECTOR(SEG_GS), 0x101000, 0x4fff},
};
static const struct world_segment segments_32[SEG_GS + 1] = {
    [SEG_ES] = {LINUX_DS, 0, 0xffffffff},
    [SEG_CS] = {LINUX_CS_32, 0, 0xffffffff},
    [SEG_SS] = {LINUX_DS, 0, 0xffffffff},
    [SEG_DS] = {LINUX_DS, 0, 0xffffffff},
    [SEG_FS] = {LDT_SELECTOR(LDT_32_BIT + SEG_FS), 0x0f4321, 0xffffffff},
    [SEG_GS] = {LDT_SELECTOR(LDT_32_BIT + SEG_GS), 0x0f8000, 0xefff},
};
static const struct world_segment segments_64[SEG_GS + 1] = {
    [SEG_CS] = {LINUX_CS_64, 0, 0xffffffff},
    [SEG_SS] = {LINUX_DS, 0, 0xffffffff},
    [SEG_FS] = {0, 0x3456789abc10, 0},
    [SEG_GS] = {0, 0x54321, 0},
};
struct world_segment world_segment[SEG_GS + 1];

void native_choose_segments(void)
{
    const struct world_segment *from = world.size == CODE_16   ? segments_16
                                       : world.size == CODE_32 ? segments_32
                                                               : segments_64;
    memcpy(world_segment, from, sizeof world_segment);
}

bool native_has_16_bit_code(void)
{
    return has_16_bit_code;
}

/* ---- running ---- */

static void put_exit(uint8_t *at)
{
    uint64_t target = (uint64_t)(uintptr_t)native_leave;
    if (world.size == CODE_64) {
        int32_t displacement = (int32_t)(target - ((uint64_t)(uintptr_t)at + 5));
        *at++ = 0xe9;
        memcpy(at, &displacement, 4);
        return;
    }
    if (world.size == CODE_16)
        *at++ = 0x66;
    *at++ = 0xea; /* JMP ptr16:32 */
    memcpy(at, &target, 4);
    at[4] = LINUX_CS_64;
    at[5] = 0;
}

static void put_window(const struct code *code)
{
    uint8_t *window = (uint8_t *)WINDOW_AT;
    memcpy(window, initial.memory, HOLE_AT - WINDOW_AT);
    memcpy((uint8_t *)DATA_AT, initial.memory + (DATA_AT - WINDOW_AT), READ_ONLY_AT - DATA_AT);
    memcpy(window + code->start, code->bytes, code->length);
    put_exit(window + code->start + code->length);
}

static void set_context(const struct code *code)
{
    struct native_context *c = &native_context;
    memcpy(c->gpr, initial.gpr, sizeof c->gpr);
    c->flags = initial.rflags;
    c->ds = world_segment[SEG_DS].selector;
    c->es = world_segment[SEG_ES].selector;
    c->ss = world_segment[SEG_SS].selector;
    c->fs = world_segment[SEG_FS].selector;
    c->gs = world_segment[SEG_GS].selector;
    c->load_fs_gs = world.size != CODE_64;
    c->fs_base = world_segment[SEG_FS].base;
    c->gs_base = world_segment[SEG_GS].base;
    c->own_gs_base = translated_gs();
    c->target.selector = world_segment[SEG_CS].selector;
    c->target.offset =
        (uint32_t)(WINDOW_AT + code->entry - (world.size == CODE_16 ? world_segment[SEG_CS].base : 0));
}

bool run_native(const struct code *code, struct state *end)
{
    static uint8_t own[XSTATE_BYTES] __attribute__((aligned(64)));
    put_window(code);
    set_context(code);
    memset(&ended, 0, sizeof ended);
    ended.vector = VECTOR_NONE;
    ticks_in_code = 0;
    save_vectors(own);
    load_vectors(initial.vectors);
    native_enter();
    save_vectors(end->vectors);
    load_vectors(own);
    memcpy(end->gpr, native_context.gpr, sizeof end->gpr);
    memcpy(end->memory, (uint8_t *)WINDOW_AT, HOLE_AT - WINDOW_AT);
    memcpy(end->memory + (DATA_AT - WINDOW_AT), (uint8_t *)DATA_AT, READ_ONLY_AT + PAGE_SIZE - DATA_AT);
    end->vector = ended.vector;
    end->error = ended.error;
    end->address = ended.address;
    end->rflags = ended.vector == VECTOR_NONE ? native_context.flags : ended.flags;
    end->rip = ended.vector == VECTOR_NONE ? 0 : ended.rip;
    return !ended.endless;
}

static void map_window(void)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_POPULATE;
    void *window = mmap((void *)WINDOW_AT, WINDOW_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC, flags, -1, 0);
    if (window != (void *)WINDOW_AT) {
        perror("differential: the test's address range");
        exit(2);
    }
    memset(window, 0x5a, WINDOW_BYTES); /* READ_ONLY_AT stays so */
    if (mprotect((void *)HOLE_AT, DATA_AT - HOLE_AT, PROT_NONE) ||
        mprotect((void *)READ_ONLY_AT, PAGE_SIZE, PROT_READ)) {
        perror("differential: mprotect");
        exit(2);
    }
}

void native_init(void)
{
    uint64_t own_fs;
    syscall(SYS_arch_prctl, ARCH_GET_FS, &own_fs);
    native_context.own_fs_base = own_fs;
    xstate_mask = xgetbv(0) & 0xe7;
    map_window();
    has_16_bit_code = true;
    for (unsigned n = SEG_ES; n <= SEG_GS; n++)
        has_16_bit_code = set_ldt(n, &segments_16[n], n == SEG_CS, false) &&
                          (n < SEG_FS || set_ldt(LDT_32_BIT + n, &segments_32[n], false, true)) &&
                          has_16_bit_code;
    catch_signals();
}
