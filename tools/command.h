/* What the commands share. Exit codes are documented in `engram --help`. */
#ifndef ENGRAM_COMMAND_H
#define ENGRAM_COMMAND_H

#include "reader/dump_facts.h"
#include "reader/trace_file.h"

#include <stdio.h>

enum exit_code {
    EXIT_FINE = 0,
    EXIT_FINDINGS = 1, /* the input is damaged, incomplete or unreadable; what could be had was delivered */
    EXIT_USAGE = 2,
};

/* argv[0] is the command's name. */
int cmd_recv(int argc, char **argv);
int cmd_console(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_print(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_prove(int argc, char **argv);
int cmd_analyse(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_convert(int argc, char **argv);
int cmd_split(int argc, char **argv);
int cmd_index(int argc, char **argv);

/* One line on stderr, "engram NAME: ...". Gives EXIT_USAGE or EXIT_FINDINGS back for `return`. */
__attribute__((format(printf, 2, 3))) int usage_error(const char *name, const char *format, ...);
__attribute__((format(printf, 2, 3))) int input_error(const char *name, const char *format, ...);

/*
 * Opens a trace file and makes it a source; says what is wrong and gives false when it cannot. Of an
 * incomplete dump, FILE.part beside it knows more than the file.
 */
struct input {
    int fd;
    const char *path;
    struct trace_source source;
    bool dump_known;
    struct dump_facts dump;
};
bool input_open(struct input *in, const char *command, const char *path);
void input_close(struct input *in);
/* For struct walk_handler. */
const struct dump_facts *input_dump(const struct input *in);

/* A finding as a line on stderr: "FILE: at byte N: what". The handler's context is the path. */
void print_finding(const char *path, uint64_t offset, const char *what);

const char *cause_name(uint8_t cause);
const char *mode_name(uint8_t context);

/* Of a command that takes [--json] and one FILE, which is argv[optind] then. -1, or the exit code where the
 * command is over: it was asked for help, or called wrongly. */
int take_json_and_file(int argc, char **argv, const char *help, bool *json);

/* Writes out what stdout still holds. `code`, or EXIT_FINDINGS after a complaint when that fails. */
int finish_output(const char *command, int code);

#endif
