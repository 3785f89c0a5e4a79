#include "watch.h"

#include "show.h"
#include "width.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MAX_WORDS 64
#define MAX_FRAME (1 << 20) /* no terminal shows more */

/* Drawing */

/* As much of a line as fits, and a mark where that is not all; what is behind it is erased. */
static void draw_line(FILE *out, const char *line, size_t len, unsigned cols)
{
	size_t width;
	bool is_cut;

	fwrite(line, 1, width_fit(line, len, cols, &width, &is_cut), out);
	if (is_cut)
		fputs("\033[0m…", out);
	fputs("\033[K\n", out);
}

void watch_draw(FILE *out, const char *title, const char *when, const char *text, unsigned rows,
	unsigned cols)
{
	unsigned n_lines = 0,
		 left = rows > 3 ? rows - 3 : 1; /* the title, an empty line, the cursor */
	int pad = (int)cols - (int)strlen(title) - (int)strlen(when);
	char more[40], head[512];

	for (const char *c = text; *c; c++)
		n_lines += *c == '\n';
	(void)snprintf(head, sizeof(head), "%s%*s%s", title, pad < 2 ? 2 : pad, "", when);
	fputs("\033[H", out);
	draw_line(out, head, strlen(head), cols);
	draw_line(out, "", 0, cols);
	if (n_lines > left)
		left--;
	for (; *text && left; left--) {
		size_t len = strcspn(text, "\n");

		draw_line(out, text, len, cols);
		text += len + (text[len] == '\n');
		n_lines--;
	}
	if (*text) {
		(void)snprintf(more, sizeof(more), "... %u more", n_lines);
		draw_line(out, more, strlen(more), cols);
	}
	fputs("\033[J", out); /* what a longer frame left */
	fflush(out);
}

/* Catching what a command prints */

/* What it prints and complains about goes into fd meanwhile. */
static int run_into(int fd, const struct opts *opts, char **words, unsigned n, watch_run_fn *run)
{
	int saved[2] = {dup(STDOUT_FILENO), dup(STDERR_FILENO)}, code;

	fflush(stdout);
	(void)dup2(fd, STDOUT_FILENO);
	(void)dup2(fd, STDERR_FILENO);
	code = run(opts, words, n);
	fflush(stdout);
	(void)dup2(saved[0], STDOUT_FILENO);
	(void)dup2(saved[1], STDERR_FILENO);
	close(saved[0]);
	close(saved[1]);
	return code;
}

/* Owned text, or NULL. */
static char *read_all(int fd)
{
	char *text = malloc(MAX_FRAME + 1);
	size_t len = 0;
	ssize_t n = 0;

	(void)lseek(fd, 0, SEEK_SET);
	while (text && len < MAX_FRAME && (n = read(fd, text + len, MAX_FRAME - len)) > 0)
		len += (size_t)n;
	if (text)
		text[len] = '\0';
	return text;
}

static void make_title(const struct opts *opts, char **words, unsigned n, char *buf, size_t size)
{
	size_t used = (size_t)snprintf(buf, size, "every %g s: netcfg", opts->watch_s);

	for (unsigned i = 0; i < n && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, " %s", words[i]);
}

static int show_in_place(const struct opts *opts, char **words, unsigned n, watch_run_fn *run,
	const char *title)
{
	struct opts of_frame = *opts;
	int fd = memfd_create("watch", MFD_CLOEXEC), code;
	char when[SHOW_TIME_SIZE], *text;
	unsigned rows, cols;

	if (fd < 0)
		return run(opts, words, n);
	/* It prints to no terminal, and what is seen of it is on one. */
	if (!opts->color && !getenv("NO_COLOR"))
		of_frame.color = "always";
	code = run_into(fd, &of_frame, words, n, run);
	text = read_all(fd);
	close(fd);
	(void)width_of_terminal(STDOUT_FILENO, &rows, &cols);
	if (code == EXIT_USAGE)
		fputs(text ? text : "", stderr); /* of no use to look at again */
	else
		watch_draw(stdout, title, show_time(when, time(NULL)), text ? text : "", rows,
			cols);
	free(text);
	return code;
}

static int append(const struct opts *opts, char **words, unsigned n, watch_run_fn *run)
{
	char when[SHOW_TIME_SIZE];
	int r;

	if (opts->timestamp && !opts->json)
		printf("%s\n", show_time(when, time(NULL)));
	r = run(opts, words, n);
	fflush(stdout);
	return r;
}

int watch(const struct opts *opts, char **words, unsigned n, watch_run_fn *run)
{
	struct timespec pause = {(time_t)opts->watch_s,
		(long)((opts->watch_s - (double)(time_t)opts->watch_s) * 1e9)};
	bool in_place = isatty(STDOUT_FILENO) && !opts->json;
	char *copy[MAX_WORDS], title[256];

	if (n > MAX_WORDS)
		return EXIT_USAGE;
	make_title(opts, words, n, title, sizeof(title));
	for (bool is_first = true;; is_first = false) { /* until interrupted */
		int r;

		memcpy(copy, words, n * sizeof(words[0])); /* parsing reorders */
		if (in_place && is_first)
			fputs("\033[H\033[J", stdout);
		r = in_place ? show_in_place(opts, copy, n, run, title)
			     : append(opts, copy, n, run);
		if (r == EXIT_USAGE || ferror(stdout))
			return r;
		nanosleep(&pause, NULL);
	}
}
