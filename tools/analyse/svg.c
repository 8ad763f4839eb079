/* Plots. One style for all: see style(). */
#include "analyse/svg.h"
#include "text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define WIDTH 960
#define LEFT 190
#define RIGHT 24
#define TOP 64
#define PLOT (WIDTH - LEFT - RIGHT)
#define BAR_STEP 26
#define PLOT_HEIGHT 320

static void escaped(FILE *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '<' || *s == '>' || *s == '&' || *s == '"')
            fprintf(out, "&#%d;", *s);
        else if ((unsigned char)*s >= 0x20)
            fputc(*s, out);
    }
}

static void begin(FILE *out, int height, const char *title)
{
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\">\n"
            "<style>\n"
            "svg{background:#fcfcfd}text{font:13px system-ui,'DejaVu Sans',sans-serif;fill:#1f2933}\n"
            ".t{font-size:18px;font-weight:600}.m{fill:#66727f;font-size:12px}.g{stroke:#dfe4e9}\n"
            ".p0{fill:#2a78b8}.p1{fill:#e2833a}.p2{fill:#4aa08a}.p3{fill:#8c6bb1}\n"
            ".l0{stroke:#2a78b8}.l1{stroke:#e2833a}.l2{stroke:#4aa08a}.l3{stroke:#8c6bb1}\n"
            ".l{fill:none;stroke-width:2;stroke-linejoin:round}\n"
            "@media (prefers-color-scheme:dark){svg{background:#14181d}text{fill:#e4e8ec}.m{fill:#94a0ac}\n"
            ".g{stroke:#2c343d}}\n"
            "</style>\n<text class=\"t\" x=\"24\" y=\"34\">",
            WIDTH, height, WIDTH, height);
    escaped(out, title);
    fputs("</text>\n", out);
}

static void legend(FILE *out, const char *const *names, unsigned count)
{
    int x = WIDTH - RIGHT;
    for (unsigned i = count; i-- > 0;) {
        x -= 9 * (int)strlen(names[i]) + 24;
        fprintf(out,
                "<rect class=\"p%u\" x=\"%d\" y=\"23\" width=\"12\" height=\"12\" rx=\"2\"/><text x=\"%d\" "
                "y=\"34\">",
                i, x, x + 17);
        escaped(out, names[i]);
        fputs("</text>\n", out);
    }
}

/* 12,300 as 12.3k */
static const char *short_number(double n, char text[32])
{
    static const char unit[] = " kMGTPE";
    unsigned u = 0;
    for (; n >= 1000 && u < 6; u++)
        n /= 1000;
    snprintf(text, 32, n >= 100 || n == floor(n) ? "%.0f%c" : "%.3g%c", n, unit[u]);
    if (u == 0)
        text[strlen(text) - 1] = 0;
    return text;
}

/* A round step that divides [0, high] into three to eight. */
static double tick_step(double high)
{
    double step = pow(10, floor(log10(high > 0 ? high / 3 : 1)));
    while (high / step > 8)
        step *= step == pow(10, round(log10(step))) ? 2 : 2.5;
    return step > 0 ? step : 1;
}

/* Reckoned from `first` on: far from 0 a double cannot tell neighbours apart. */
static void x_axis(FILE *out, int y, int height, uint64_t first, uint64_t end, const char *name)
{
    char text[32];
    double span = end > first ? (double)(end - first) : 1, step = tick_step(span);
    double into = fmod((double)first, step);
    for (double at = into > 0 ? step - into : 0; at <= span * (1 + 1e-12); at += step) {
        double x = LEFT + PLOT * at / span;
        fprintf(out,
                "<path class=\"g\" d=\"M%.1f %dv%d\"/><text class=\"m\" x=\"%.1f\" y=\"%d\" "
                "text-anchor=\"middle\">%s</text>\n",
                x, y, height, x, y + height + 18, short_number((double)first + at, text));
    }
    fprintf(out, "<text class=\"m\" x=\"%d\" y=\"%d\" text-anchor=\"end\">", WIDTH - RIGHT, y + height + 38);
    escaped(out, name);
    fputs("</text>\n", out);
}

static void y_axis(FILE *out, double high, const char *name)
{
    char text[32];
    double step = tick_step(high);
    for (double v = 0; v <= high * (1 + 1e-12); v += step) {
        double y = TOP + PLOT_HEIGHT * (1 - v / (high > 0 ? high : 1));
        fprintf(out,
                "<path class=\"g\" d=\"M%d %.1fh%d\"/><text class=\"m\" x=\"%d\" y=\"%.1f\" "
                "text-anchor=\"end\">%s</text>\n",
                LEFT, y, PLOT, LEFT - 8, y + 4, short_number(v, text));
    }
    fputs("<text class=\"m\" x=\"24\" y=\"56\">", out);
    escaped(out, name);
    fputs("</text>\n", out);
}

static double highest_bar(const struct svg_bar *bars, size_t n, unsigned parts)
{
    double high = 1;
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (unsigned k = 0; k < parts; k++)
            sum += (double)bars[i].part[k];
        high = sum > high ? sum : high;
    }
    return high;
}

void svg_bars(FILE *out, const char *title, const char *unit, const struct svg_bar *bars, size_t n,
              const char *const *part_names, unsigned parts)
{
    int height = (int)n * BAR_STEP;
    double high = highest_bar(bars, n, parts);
    begin(out, TOP + height + 56, title);
    legend(out, part_names, parts);
    x_axis(out, TOP, height, 0, (uint64_t)high, unit);
    for (size_t i = 0; i < n; i++) {
        int y = TOP + (int)i * BAR_STEP;
        double x = LEFT;
        fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", LEFT - 8, y + 17);
        escaped(out, bars[i].label);
        fputs("</text>", out);
        for (unsigned k = 0; k < parts; k++) {
            double w = PLOT * (double)bars[i].part[k] / high;
            fprintf(out,
                    "<rect class=\"p%u\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"><title>%s: "
                    "%s</title></rect>\n",
                    k, x, y + 4, w, BAR_STEP - 8, part_names[k], grouped(bars[i].part[k]));
            x += w;
        }
    }
    fputs("</svg>\n", out);
}

void svg_columns(FILE *out, const char *title, const char *x_name, const char *unit,
                 const struct svg_bar *columns, size_t n, const char *const *part_names, unsigned parts)
{
    double high = highest_bar(columns, n, parts), step = (double)PLOT / (double)(n ? n : 1);
    begin(out, TOP + PLOT_HEIGHT + 56, title);
    legend(out, part_names, parts);
    y_axis(out, high, unit);
    for (size_t i = 0; i < n; i++) {
        double x = LEFT + step * (double)i, y = TOP + PLOT_HEIGHT;
        for (unsigned k = 0; k < parts; k++) {
            double h = PLOT_HEIGHT * (double)columns[i].part[k] / high;
            y -= h;
            fprintf(out,
                    "<rect class=\"p%u\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"><title>%s, %s: "
                    "%s</title></rect>\n",
                    k, x + 1.5, y, step > 4 ? step - 3 : step, h, columns[i].label, part_names[k],
                    grouped(columns[i].part[k]));
        }
        fprintf(out, "<text class=\"m\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">", x + step / 2,
                TOP + PLOT_HEIGHT + 18);
        escaped(out, columns[i].label);
        fputs("</text>\n", out);
    }
    fprintf(out, "<text class=\"m\" x=\"%d\" y=\"%d\" text-anchor=\"end\">", WIDTH - RIGHT,
            TOP + PLOT_HEIGHT + 38);
    escaped(out, x_name);
    fputs("</text></svg>\n", out);
}

void svg_lines(FILE *out, const char *title, const char *x_name, uint64_t first_x, uint64_t end_x,
               const char *y_name, const struct svg_line *lines, unsigned count, size_t n)
{
    const char *names[SVG_PARTS_MAX] = {0};
    double high = 1;
    for (unsigned k = 0; k < count; k++) {
        names[k] = lines[k].name;
        for (size_t i = 0; i < n; i++)
            high = (double)lines[k].y[i] > high ? (double)lines[k].y[i] : high;
    }
    begin(out, TOP + PLOT_HEIGHT + 56, title);
    legend(out, names, count);
    y_axis(out, high, y_name);
    x_axis(out, TOP, PLOT_HEIGHT, first_x, end_x, x_name);
    for (unsigned k = 0; k < count; k++) {
        fprintf(out, "<path class=\"l l%u\" d=\"", k);
        for (size_t i = 0; i < n; i++)
            fprintf(out, "%c%.1f %.1f", i ? 'L' : 'M', LEFT + PLOT * ((double)i + 0.5) / (double)n,
                    TOP + PLOT_HEIGHT * (1 - (double)lines[k].y[i] / high));
        fputs("\"/>\n", out);
    }
    fputs("</svg>\n", out);
}

/* From dark violet over red to light yellow: legible in print and for the colour-blind. */
static void colour(double share, char text[8])
{
    static const int stop[5][3] = {
        {38, 16, 77}, {110, 28, 110}, {200, 54, 86}, {246, 132, 50}, {252, 231, 144}};
    double at = share * 4;
    int i = at >= 4 ? 3 : (int)at, rgb[3];
    for (int c = 0; c < 3; c++)
        rgb[c] = (int)(stop[i][c] + (stop[i + 1][c] - stop[i][c]) * (at - i));
    snprintf(text, 8, "#%02x%02x%02x", rgb[0] & 255, rgb[1] & 255, rgb[2] & 255);
}

void svg_heatmap(FILE *out, const struct svg_grid *g)
{
    double row_height = g->rows < 40 ? 14 : g->rows < 150 ? 5 : 3, high = 1;
    double w = (double)PLOT / (double)(g->columns ? g->columns : 1);
    int height = (int)(row_height * (double)g->rows);
    char rgb[8];
    for (size_t i = 0; i < g->columns * g->rows; i++)
        high = (double)g->cells[i] > high ? (double)g->cells[i] : high;
    begin(out, TOP + height + 56, g->title);
    x_axis(out, TOP, height, g->first_x, g->end_x, g->x_name);
    for (size_t r = 0; r < g->rows; r++) {
        double y = TOP + row_height * (double)r;
        if (g->row_label[r][0])
            fprintf(out, "<text class=\"m\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", LEFT - 8,
                    y + (row_height < 12 ? 4 : row_height - 3), g->row_label[r]);
        for (size_t c = 0; c < g->columns; c++) {
            uint64_t n = g->cells[r * g->columns + c];
            if (n == 0)
                continue;
            colour(log1p((double)n) / log1p(high), rgb);
            fprintf(out, "<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\" fill=\"%s\"/>\n",
                    LEFT + w * (double)c, y, w + 0.2, row_height, rgb);
        }
    }
    fputs("</svg>\n", out);
}
