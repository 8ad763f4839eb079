/* What engramctl needs of the kernel and of a C library (syscall numbers: Linux, x86-64). */
#ifndef ENGRAMCTL_H
#define ENGRAMCTL_H

#include <stddef.h>
#include <stdint.h>

/* ---- system calls ---- */

static inline long syscall4(long n, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    register uint64_t r10 __asm__("r10") = d;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
    return result;
}
static inline int sys_read(int file, void *to, size_t bytes)
{
    return (int)syscall4(0, (uint64_t)file, (uint64_t)to, bytes, 0);
}
static inline int sys_write(int file, const void *from, size_t bytes)
{
    return (int)syscall4(1, (uint64_t)file, (uint64_t)from, bytes, 0);
}
static inline int sys_open(const char *path)
{
    return (int)syscall4(2, (uint64_t)path, 0, 0, 0);
}
static inline void sys_close(int file)
{
    syscall4(3, (uint64_t)file, 0, 0, 0);
}
static inline int sys_getpid(void)
{
    return (int)syscall4(39, 0, 0, 0, 0);
}
static inline int sys_fork(void)
{
    return (int)syscall4(57, 0, 0, 0, 0);
}
static inline int sys_execve(const char *path, char **arguments, char **environment)
{
    return (int)syscall4(59, (uint64_t)path, (uint64_t)arguments, (uint64_t)environment, 0);
}
static inline int sys_wait(int pid, int *state, int options)
{
    return (int)syscall4(61, (uint64_t)pid, (uint64_t)state, (uint64_t)options, 0);
}
static inline void sys_raise(int signal)
{
    syscall4(62, (uint64_t)sys_getpid(), (uint64_t)signal, 0, 0);
}
static inline long sys_ptrace(int request, int pid, uint64_t address, void *data)
{
    return syscall4(101, (uint64_t)request, (uint64_t)pid, address, (uint64_t)data);
}
static inline void sys_exit(int code)
{
    for (;;)
        syscall4(231, (uint64_t)code, 0, 0, 0);
}
/* The task is its process's first: signal 0 is sent to the pair of both numbers. */
static inline int is_first_thread(int pid)
{
    return syscall4(234, (uint64_t)pid, (uint64_t)pid, 0, 0) == 0;
}

/* ---- wait4(2), ptrace(2) ---- */

#define WAIT_ALL 0x40000000 /* __WALL */
#define SIGNAL_ILL 4
#define SIGNAL_TRAP 5
#define SIGNAL_SEGV 11
#define SIGNAL_STOP 19

static inline int is_stopped(int state)
{
    return (state & 0xff) == 0x7f;
}
static inline int stop_signal(int state)
{
    return state >> 8 & 0xff;
}
static inline int stop_event(int state)
{
    return state >> 16;
}
/* As a shell has it. */
static inline int exit_code(int state)
{
    return state & 0x7f ? 128 + (state & 0x7f) : state >> 8 & 0xff;
}

enum {
    PTRACE_TRACEME = 0,
    PTRACE_PEEKTEXT = 1,
    PTRACE_POKETEXT = 4,
    PTRACE_CONT = 7,
    PTRACE_GETREGS = 12,
    PTRACE_SETREGS = 13,
    PTRACE_SETOPTIONS = 0x4200
};
enum { PTRACE_EVENT_EXEC = 4, PTRACE_EVENT_EXIT = 6 };
/* EXITKILL; FORK, VFORK, CLONE, EXEC, EXIT. */
#define PTRACE_OPTIONS (0x100000ull | 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 6)

/* struct user_regs_struct */
struct registers {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax, rip, cs,
        eflags;
    uint64_t rsp, ss, fs_base, gs_base, ds, es, fs, gs;
};

/* ---- texts ---- */

static inline size_t length_of(const char *s)
{
    size_t n = 0;
    while (s[n])
        n++;
    return n;
}
static inline int begins_with(const char *s, const char *prefix)
{
    while (*prefix && *s == *prefix)
        s++, prefix++;
    return !*prefix;
}
static inline int equal(const char *a, const char *b)
{
    return begins_with(a, b) && length_of(a) == length_of(b);
}
static inline void put(const char *s)
{
    sys_write(1, s, length_of(s));
}
static inline void put_number(uint64_t n)
{
    char text[24], *p = text + sizeof text - 1;
    *p = 0;
    do
        *--p = (char)('0' + n % 10);
    while (n /= 10);
    put(p);
}

/* execvp(3): returns only if there is no such program. */
static inline void execute(char **arguments, char **environment)
{
    const char *path = "/bin:/usr/bin", *name = arguments[0];
    char file[512];
    for (const char *p = name; *p; p++)
        if (*p == '/')
            sys_execve(name, arguments, environment);
    for (char **e = environment; *e; e++)
        if (begins_with(*e, "PATH="))
            path = *e + 5;
    while (*path) {
        size_t n = 0;
        while (*path && *path != ':' && n + 2 + length_of(name) < sizeof file)
            file[n++] = *path++;
        file[n++] = '/';
        for (size_t i = 0; i <= length_of(name); i++)
            file[n + i] = name[i];
        sys_execve(file, arguments, environment);
        while (*path && *path++ != ':')
            ;
    }
}

int engramctl(int argc, char **argv, char **environment);

#endif
