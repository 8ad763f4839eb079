/* The trap flag, set by the program itself, over SYSCALL: IA32_FMASK clears it, so there is no trap behind
 * SYSCALL, and none behind the return, but one behind the next instruction. */
#include "stress.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>

#define TF 0x100

static volatile int traps;
static volatile long at[64];
extern char step_first[], step_last[];

static void on_trap(int number, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    (void)number;
    (void)info;
    if (traps < 64)
        at[traps] = u->uc_mcontext.gregs[REG_RIP] - (long)step_first;
    traps++;
}

static long stepped_getppid(void)
{
    long result = SYS_getppid;
    __asm__ volatile("pushfq\n\t"
                     "orl %1, (%%rsp)\n\t"
                     "popfq\n"
                     "step_first:\n\t"
                     "nop\n\t"
                     "syscall\n\t"
                     "nop\n\t"
                     "pushfq\n\t"
                     "andl %2, (%%rsp)\n\t"
                     "popfq\n"
                     "step_last:\n\t"
                     "nop"
                     : "+a"(result)
                     : "i"(TF), "i"(~TF)
                     : "rcx", "r11", "memory", "cc");
    return result;
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
    sigaction(SIGTRAP, &action, NULL);
    long parent = syscall(SYS_getppid);
    for (int i = 0; i < 100; i++) {
        traps = 0;
        long difference = stepped_getppid() - parent;
        if (i == 0 || difference)
            expect("system call", 0, difference);
        /* Behind NOP, NOP, PUSHF, AND, and POPF, which has cleared TF and traps all the same. */
        if (i == 0 || traps != 5 || stress_failed) {
            expect("traps", 5, traps);
            expect("the first, behind NOP", 1, at[0]);
            expect("the second, behind SYSCALL and NOP", 4, at[1]);
            expect("the last, behind POPF", step_last - step_first, at[4]);
        }
        if (stress_failed)
            break;
    }
    return stress_end();
}
