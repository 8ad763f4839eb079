/* engram, the host command: finds the subcommand and calls it. */
#include "command.h"

#include <signal.h>
#include <string.h>

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
} commands[] = {
    {"recv", cmd_recv, "receive a dump from a serial line, a socket or a capture file"},
    {"info", cmd_info, "what a trace holds: origin, counts, time, losses"},
    {"print", cmd_print, "the accesses, a line each"},
    {"analyse", cmd_analyse,
     "questions about the accesses: hot spots, working set, caches, double fetches ..."},
    {"report", cmd_report, "one page that shows a trace: over time, hot spots, caches, losses"},
    {"convert", cmd_convert, "write a trace in another tool's format: CSV, CTF, Parquet, drmemtrace ..."},
    {"split", cmd_split, "cut a trace into parts, each a trace of its own"},
    {"index", cmd_index, "add an index to a trace, so that readers get anywhere at once"},
    {"verify", cmd_verify, "check a trace: CRCs, sequence, counts, packets"},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *out)
{
    fputs("usage: engram COMMAND [OPTION]... [FILE]\n\n", out);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].what);
    fputs("\n`engram COMMAND --help` shows a command's options, with examples.\n"
          "Exit code: 0 fine; 1 the input is damaged, incomplete or missing (all that is sound was "
          "delivered);\n"
          "2 wrong usage.\n",
          out);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a closed line or pager is an error to be handled, not a death */
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return finish_output("help", EXIT_FINE);
    }
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "engram: no command '%s'; the commands are:", argv[1]);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(stderr, " %s", commands[i].name);
    fputc('\n', stderr);
    return EXIT_USAGE;
}
