/* ptrace(): a child single-stepped over system calls, its registers and code changed, a breakpoint put in. */
#include "stress.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

extern char loop_begin[], loop_end[];

/* 100 turns of 3 instructions, of which one is a system call in each. */
static void child(void)
{
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    __asm__ volatile("mov $100, %%ebx\n"
                     "loop_begin:\n\t"
                     "mov %0, %%eax\n\t"
                     "syscall\n\t"
                     "dec %%ebx\n\t"
                     "jnz loop_begin\n"
                     "loop_end:\n\t"
                     "mov $7, %%edi\n\t"
                     "mov %1, %%eax\n\t"
                     "syscall"
                     :
                     : "i"(SYS_getppid), "i"(SYS_exit)
                     : "rax", "rbx", "rcx", "r11", "rdi");
}

int main(void)
{
    int state;
    pid_t pid = fork();
    if (pid == 0)
        child();
    waitpid(pid, &state, 0);
    expect("stopped by", SIGSTOP, WSTOPSIG(state));

    long old = ptrace(PTRACE_PEEKTEXT, pid, loop_begin, 0);
    ptrace(PTRACE_POKETEXT, pid, loop_begin, (void *)((old & ~0xffl) | 0xcc));
    ptrace(PTRACE_CONT, pid, 0, 0);
    waitpid(pid, &state, 0);
    struct user_regs_struct r;
    ptrace(PTRACE_GETREGS, pid, 0, &r);
    expect("at the breakpoint", 1, (long)(r.rip - (unsigned long)loop_begin));
    ptrace(PTRACE_POKETEXT, pid, loop_begin, (void *)old);
    r.rip = (unsigned long)loop_begin;
    ptrace(PTRACE_SETREGS, pid, 0, &r);

    long steps = 0;
    do {
        ptrace(PTRACE_SINGLESTEP, pid, 0, 0);
        waitpid(pid, &state, 0);
        if (!WIFSTOPPED(state) || WSTOPSIG(state) != SIGTRAP)
            break;
        steps++;
        ptrace(PTRACE_GETREGS, pid, 0, &r);
    } while (r.rip != (unsigned long)loop_end && steps < 10000);
    expect("steps", 400, steps);
    ptrace(PTRACE_CONT, pid, 0, 0);
    waitpid(pid, &state, 0);
    expect("ended with", 7, WIFEXITED(state) ? WEXITSTATUS(state) : -1);
    return stress_end();
}
