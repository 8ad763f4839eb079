/* Where a dump comes from: a tty, a socket, a pipe or a capture file, opened and read alike. */
#ifndef ENGRAM_LINE_H
#define ENGRAM_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <termios.h>

struct line {
    int fd;
    bool two_way; /* requests can be sent */
    bool is_file; /* ends where it ends */
    bool is_tty;
    struct termios before; /* of the tty, put back at the end */
    char error[200];
};

/*
 * source: "tcp:HOST:PORT", "unix:PATH", "-" or a path. A socket that nobody listens on yet is tried again for
 * `patience_ms`. False with line->error set.
 */
bool line_open(struct line *line, const char *source, unsigned baud, unsigned patience_ms);
void line_close(struct line *line);

bool baud_is_known(unsigned baud);

/* Waits up to wait_ms for bytes. > 0: as many; 0: none came; -1: the line's end; -2: an error, line->error.
 */
ssize_t line_read(struct line *line, void *to, size_t n, int wait_ms);
/* Sends what the line takes within a second; what it does not take is lost, as on any line. */
void line_write(struct line *line, const uint8_t *bytes, size_t n);

#endif
