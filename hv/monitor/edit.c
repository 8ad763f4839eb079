#include "monitor/edit.h"

#include "console.h"

#include <string.h>

#define CTRL(letter) ((letter) - '@')
#define BELL CTRL('G')
#define ESCAPE 0x1b
#define DELETE 0x7f

void edit_init(struct edit *e, const char *prompt, void (*put)(const char *text))
{
    memset(e, 0, sizeof *e);
    e->prompt = prompt;
    e->put = put;
}

/* Of control sequences carriage return, "erase to the end of the line" and "cursor forward" are used
 * (ECMA-48). */
void edit_show(struct edit *e)
{
    char forward[24];
    e->put("\r");
    e->put(e->prompt);
    e->put(e->line);
    e->put("\x1b[K");
    if (e->cursor == e->length)
        return;
    format_text(forward, sizeof forward, "\r\x1b[%uC", (unsigned)(strlen(e->prompt) + e->cursor));
    e->put(forward);
}

static void bell(struct edit *e)
{
    static const char text[] = {BELL, '\0'};
    e->put(text);
}

static void insert(struct edit *e, char c)
{
    const char echo[] = {c, '\0'};
    if (e->length == EDIT_LINE_MAX) {
        bell(e);
        return;
    }
    memmove(e->line + e->cursor + 1, e->line + e->cursor, e->length - e->cursor + 1);
    e->line[e->cursor++] = c;
    e->length++;
    if (e->cursor == e->length)
        e->put(echo);
    else
        edit_show(e);
}

/* Takes out what stands between `from` and `to`, which becomes the cursor's place. */
static void cut(struct edit *e, size_t from, size_t to)
{
    memmove(e->line + from, e->line + to, e->length - to + 1);
    e->length -= to - from;
    e->cursor = from;
    edit_show(e);
}

static size_t word_start(const struct edit *e)
{
    size_t at = e->cursor;
    while (at > 0 && e->line[at - 1] == ' ')
        at--;
    while (at > 0 && e->line[at - 1] != ' ')
        at--;
    return at;
}

static void move_to(struct edit *e, size_t cursor)
{
    e->cursor = cursor;
    edit_show(e);
}

static void set_line(struct edit *e, const char *text)
{
    e->length = e->cursor = strlen(text);
    memcpy(e->line, text, e->length + 1);
    edit_show(e);
}

/* Lines that were entered, or, at 0, a new one. */
static void show_history(struct edit *e, unsigned which)
{
    if (which > EDIT_HISTORY || (which && !e->history[which - 1][0])) {
        bell(e);
        return;
    }
    e->shown = which;
    set_line(e, which ? e->history[which - 1] : "");
}

static void remember(struct edit *e)
{
    if (e->length == 0 || strcmp(e->line, e->history[0]) == 0)
        return;
    memmove(e->history[1], e->history[0], sizeof e->history - sizeof e->history[0]);
    memcpy(e->history[0], e->line, e->length + 1);
}

static void arrow(struct edit *e, uint8_t final)
{
    switch (final) {
    case 'A':
        show_history(e, e->shown + 1);
        break;
    case 'B':
        if (e->shown)
            show_history(e, e->shown - 1);
        break;
    case 'C':
        move_to(e, e->cursor < e->length ? e->cursor + 1 : e->cursor);
        break;
    case 'D':
        move_to(e, e->cursor ? e->cursor - 1 : 0);
        break;
    case 'H':
        move_to(e, 0);
        break;
    case 'F':
        move_to(e, e->length);
        break;
    case '~':
        if (e->parameter == '3' && e->cursor < e->length)
            cut(e, e->cursor, e->cursor + 1);
        break;
    default:
        break;
    }
}

/* ESC [ parameters final, or ESC O final; what is no such sequence is dropped with its first byte. */
static void escape_byte(struct edit *e, uint8_t byte)
{
    if (e->state == EDIT_ESCAPE) {
        e->state = byte == '[' || byte == 'O' ? EDIT_SEQUENCE : EDIT_PLAIN;
        e->parameter = 0;
        return;
    }
    if (byte >= '0' && byte <= '?') {
        e->parameter = byte;
        return;
    }
    e->state = EDIT_PLAIN;
    arrow(e, byte);
}

static void control_byte(struct edit *e, uint8_t byte)
{
    switch (byte) {
    case CTRL('A'):
        move_to(e, 0);
        break;
    case CTRL('B'):
        arrow(e, 'D');
        break;
    case CTRL('E'):
        move_to(e, e->length);
        break;
    case CTRL('F'):
        arrow(e, 'C');
        break;
    case CTRL('H'):
    case DELETE:
        if (e->cursor)
            cut(e, e->cursor - 1, e->cursor);
        break;
    case CTRL('K'):
        e->line[e->length = e->cursor] = '\0';
        edit_show(e);
        break;
    case CTRL('L'):
        edit_show(e);
        break;
    case CTRL('N'):
        arrow(e, 'B');
        break;
    case CTRL('P'):
        arrow(e, 'A');
        break;
    case CTRL('C'):
    case CTRL('U'):
        cut(e, 0, byte == CTRL('C') ? e->length : e->cursor);
        break;
    case CTRL('W'):
        cut(e, word_start(e), e->cursor);
        break;
    case ESCAPE:
        e->state = EDIT_ESCAPE;
        break;
    default:
        break;
    }
}

/* The line that was handed over is done with. */
static void begin_anew(struct edit *e)
{
    e->length = e->cursor = 0;
    e->line[0] = '\0';
    e->shown = 0;
    e->ended = false;
}

bool edit_byte(struct edit *e, uint8_t byte)
{
    if (e->ended)
        begin_anew(e);
    if (e->state != EDIT_PLAIN) {
        escape_byte(e, byte);
    } else if (byte == '\r' || byte == '\n') {
        e->put("\r\n");
        remember(e);
        e->ended = true;
    } else if (byte >= ' ' && byte < DELETE) {
        insert(e, (char)byte);
    } else {
        control_byte(e, byte);
    }
    return e->ended;
}
