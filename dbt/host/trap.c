/* Host exceptions: SIGSEGV and its kin in translated code become exits of the engine. */
#include "dbt/host/host.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ARCH_SET_GS 0x1001
#define SIGNAL_STACK_BYTES (256u << 10)
#define XSAVE_BYTES 16384u

static struct dbt *engine;
static uint8_t xsave_area[XSAVE_BYTES] __attribute__((aligned(64)));
static unsigned saved;

void host_save_vectors(void)
{
    if (saved++ == 0)
        __asm__ volatile("xsave64 %0" : "+m"(xsave_area) : "a"(-1), "d"(-1) : "memory");
}

void host_restore_vectors(void)
{
    if (--saved == 0)
        __asm__ volatile("xrstor64 %0" : : "m"(xsave_area), "a"(-1), "d"(-1) : "memory");
}

static void on_exception(int signal_number, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    greg_t *r = u->uc_mcontext.gregs;
    uint64_t resume;
    /* A page fault's address, else nothing. */
    uint64_t address = r[REG_TRAPNO] == 14 ? (uint64_t)(uintptr_t)info->si_addr : 0;

    if (dbt_trap(engine, (uint64_t)r[REG_RIP], address, (uint64_t)r[REG_TRAPNO], &resume)) {
        r[REG_RIP] = (greg_t)resume;
        return;
    }
    fprintf(stderr, "dbt-host: signal %d at 0x%llx, address %p: an error of the engine\n", signal_number,
            (unsigned long long)r[REG_RIP], info->si_addr);
    abort();
}

void trap_init(struct dbt *d)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    stack_t stack = {.ss_size = SIGNAL_STACK_BYTES};

    engine = d;
    stack.ss_sp = mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack.ss_sp == MAP_FAILED || sigaltstack(&stack, NULL))
        host_fail("no memory for the signal stack");
    struct sigaction action = {.sa_sigaction = on_exception,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    for (unsigned i = 0; i < ARRAY_SIZE(signals); i++)
        sigaction(signals[i], &action, NULL);
    if (syscall(SYS_arch_prctl, ARCH_SET_GS, (unsigned long)(uintptr_t)d))
        host_fail("GS cannot be set");
}
