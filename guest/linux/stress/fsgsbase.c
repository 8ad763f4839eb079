/* RDFSBASE and its kin where the kernel allows them, and arch_prctl(): the bases are each process's own. */
#include "stress.h"

#include <asm/prctl.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define HWCAP2_FSGSBASE 2

static unsigned long gs_base(void)
{
    unsigned long base = 0;
    syscall(SYS_arch_prctl, ARCH_GET_GS, &base);
    return base;
}

/* A base of its own, kept while others run. */
static int keep(unsigned long base, int by_instruction)
{
    if (by_instruction)
        __asm__ volatile("wrgsbase %0" : : "r"(base));
    else
        syscall(SYS_arch_prctl, ARCH_SET_GS, base);
    for (int i = 0; i < 200; i++) {
        unsigned long now = 0;
        sched_yield();
        if (by_instruction)
            __asm__ volatile("rdgsbase %0" : "=r"(now));
        else
            now = gs_base();
        if (now != base || gs_base() != base)
            return 1;
    }
    return 0;
}

int main(void)
{
    int has = (getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE) != 0, wrong = 0;
    for (int by_instruction = 0; by_instruction <= has; by_instruction++)
        for (int i = 0; i < 4; i++)
            if (fork() == 0)
                _exit(keep(0x10000ul * (unsigned)(i + 1) + (unsigned)i, by_instruction));
    for (int state; wait(&state) > 0;)
        wrong += state != 0;
    expect("processes whose base changed", 0, wrong);
    expect("our own", 0, (long)gs_base());
    return stress_end();
}
