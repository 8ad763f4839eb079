#include "recv/keyboard.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define AT_ONCE 256 /* so much the monitor takes between two of its polls */

void keyboard_open(struct keyboard *k)
{
    struct termios t;
    *k = (struct keyboard){.open = true};
    if (tcgetattr(STDIN_FILENO, &k->before) < 0)
        return;
    k->is_tty = true;
    t = k->before;
    /* Output stays as it is: our own messages end in newlines alone. */
    t.c_iflag &= ~(tcflag_t)(BRKINT | ICRNL | INLCR | IGNCR | INPCK | ISTRIP | IXON);
    t.c_lflag &= ~(tcflag_t)(ECHO | ICANON | IEXTEN | ISIG);
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &t);
}

void keyboard_close(struct keyboard *k)
{
    if (k->is_tty)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &k->before);
    k->open = k->is_tty = false;
}

bool keyboard_send(struct keyboard *k, struct line *line)
{
    uint8_t bytes[AT_ONCE];
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    if (!k->open || poll(&p, 1, 0) <= 0)
        return true;
    ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n <= 0) {
        k->open = false;
        return true;
    }
    const uint8_t *quit = memchr(bytes, KEYBOARD_QUIT, (size_t)n);
    line_write(line, bytes, quit ? (size_t)(quit - bytes) : (size_t)n);
    return !quit;
}
