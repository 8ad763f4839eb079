/* Debug registers, set by ptrace(): MOV SS from watched memory holds the trap back for one instruction (SDM
 * Vol. 3A, 6.8.3), even where that is SYSCALL or INT3. */
#include "stress.h"

#include <signal.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile unsigned short selector;
static volatile long counter;
extern char after_store[], after_nop[], after_mov_ss[];

static void child(void)
{
    __asm__ volatile("mov %%ss, %0" : "=m"(selector));
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    __asm__ volatile("incq %0\n"
                     "after_store:\n\t"
                     "nop\n\t"
                     "mov %1, %%ss\n"
                     "after_mov_ss:\n\t"
                     "nop\n"
                     "after_nop:\n\t"
                     "nop\n\t"
                     "mov %1, %%ss\n\t"
                     "syscall"
                     : "+m"(counter)
                     : "m"(selector), "a"(SYS_getppid)
                     : "rcx", "r11", "memory");
    _exit(7);
}

static void set_dr(pid_t pid, int n, unsigned long value)
{
    if (ptrace(PTRACE_POKEUSER, pid, (void *)(offsetof(struct user, u_debugreg) + (size_t)n * 8),
               (void *)value) < 0)
        expect("debug register", 0, -1);
}

static long go_on(pid_t pid, int *state)
{
    struct user_regs_struct r;
    ptrace(PTRACE_CONT, pid, 0, 0);
    waitpid(pid, state, 0);
    if (!WIFSTOPPED(*state))
        return 0;
    ptrace(PTRACE_GETREGS, pid, 0, &r);
    return (long)r.rip;
}

int main(void)
{
    int state;
    pid_t pid = fork();
    if (pid == 0)
        child();
    waitpid(pid, &state, 0);
    set_dr(pid, 0, (unsigned long)&counter);
    set_dr(pid, 1, (unsigned long)&selector);
    set_dr(pid, 7,
           0x1u | 0x4u | 0x00090000u | 0x00700000u); /* 0: writes, 8 bytes; 1: reads and writes, 2 bytes */
    expect("behind the store", (long)after_store, go_on(pid, &state));
    expect("behind the instruction after MOV SS", (long)after_nop, go_on(pid, &state));
    long last = go_on(pid, &state);
    expect("MOV SS before SYSCALL: SIGTRAP", 1, last == 0 || WSTOPSIG(state) == SIGTRAP);
    while (WIFSTOPPED(state))
        go_on(pid, &state);
    expect("ended with", 7, WIFEXITED(state) ? WEXITSTATUS(state) : -1);
    return stress_end();
}
