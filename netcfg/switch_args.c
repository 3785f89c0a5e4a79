#include "switch_args.h"

#include "measure.h"
#include "str.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define METRICS     "--metrics"
#define HOLD_MEMORY "--hold-memory"
#define MAX_CMDLINE 4096

void switch_args_make(const struct state_switch *sw, struct switch_args *ret_args)
{
	ret_args->n = 0;
	if (sw->metrics[0]) {
		(void)str_copy(ret_args->metrics, sizeof(ret_args->metrics), sw->metrics);
		ret_args->argv[ret_args->n++] = (char *)METRICS;
		ret_args->argv[ret_args->n++] = ret_args->metrics;
	}
	if (sw->hold_memory_bytes) {
		(void)measure_format(MEASURE_SIZE, sw->hold_memory_bytes, ret_args->hold_memory);
		ret_args->argv[ret_args->n++] = (char *)HOLD_MEMORY;
		ret_args->argv[ret_args->n++] = ret_args->hold_memory;
	}
}

/* Words end with a NUL each. */
static void read_words(const char *text, size_t len, struct state_switch *sw)
{
	const char *option = "";

	for (const char *word = text; word < text + len; word += strlen(word) + 1) {
		if (!strcmp(option, METRICS))
			(void)str_copy(sw->metrics, sizeof(sw->metrics), word);
		else if (!strcmp(option, HOLD_MEMORY))
			(void)measure_parse(MEASURE_SIZE, word, 0, UINT64_MAX,
				&sw->hold_memory_bytes, NULL);
		option = word;
	}
}

void switch_args_read(pid_t pid, struct state_switch *sw)
{
	char path[64], text[MAX_CMDLINE + 1];
	ssize_t len;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	len = read(fd, text, MAX_CMDLINE);
	(void)close(fd);
	if (len <= 0)
		return;
	text[len] = '\0';
	read_words(text, (size_t)len, sw);
}
